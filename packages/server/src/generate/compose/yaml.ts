// YAML as Compose reads it, for services.

/** A scalar in quotes: JSON is YAML. Compose would put a variable in place of a single $. */
export function text(value: string): string {
  return JSON.stringify(value.replaceAll('$', '$$$$'));
}

/** A key of a service with a list below it; nothing where the list is empty. Its items are YAML. */
export function list(key: string, items: readonly string[]): string {
  return items.length === 0 ? '' : `    ${key}:\n${items.map((item) => `      - ${item}\n`).join('')}`;
}

/** What a service waits for before it starts. */
export type Condition = 'service_healthy' | 'service_completed_successfully';

export function dependsOn(services: readonly (readonly [name: string, condition: Condition])[], tag = ''): string {
  if (services.length === 0) return '';
  const conditions = services.map(([name, condition]) => `      ${name}:\n        condition: ${condition}\n`);
  return `    depends_on:${tag}\n${conditions.join('')}`;
}

export function networks(names: readonly string[]): string {
  return names.length === 0 ? '' : `    networks: [${names.join(', ')}]\n`;
}

export function seconds(ms: number): string {
  return `${Math.ceil(ms / 1000)}s`;
}
