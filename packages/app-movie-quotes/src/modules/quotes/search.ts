// The words of a quote as they are searched: small letters without accents, straight apostrophes, single spaces. The same
// in every database, whatever its collation thinks of them.

/** `text` as it is compared. */
export function fold(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[‘’]/g, "'")
    .replace(/[“”]/g, '"')
    .toLowerCase()
    .replace(/\s+/g, ' ')
    .trim();
}

/** What is searched of a quote: its words, who says them, the film and its year. */
export function searchText(quote: { content: string; speaker: string; film: string; year: number }): string {
  return fold(`${quote.content} ${quote.speaker} ${quote.film} ${quote.year}`).slice(0, 2000);
}
