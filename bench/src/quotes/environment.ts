// The variables with which Movie Quotes is measured: a database of the run's own, and no refusals or limits, because the core
// is shared by design and one client stands for many.

/** `folder` is the run's. */
export function quotesEnvironment(folder: string): NodeJS.ProcessEnv {
  return {
    DATABASE_FILE: `${folder}/movie-quotes.sqlite`,
    // An empty variable counts as one that is not set.
    DATABASE_URL: '',
    CARD_CACHE: `${folder}/cards`,
    MAX_EVENT_LOOP_DELAY: '0',
    LIMIT_READS: '0',
    LIMIT_WRITES: '0',
  };
}
