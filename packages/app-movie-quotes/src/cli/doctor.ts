// quotes doctor: what could keep the application from working, and what to do about each finding.

import { type Finding, findings, type Grade } from './findings.ts';
import type { Terminal } from './terminal.ts';

const MARKS: Readonly<Record<Grade, string>> = { ok: 'ok     ', warning: 'WARNING', problem: 'PROBLEM' };

/** Writes each finding as it is found, or all as JSON, and gives the exit status. */
export async function doctor(terminal: Terminal, json: boolean): Promise<number> {
  const found: Finding[] = [];
  for await (const finding of findings(terminal)) {
    found.push(finding);
    if (!json) terminal.stdout.write(lineOf(finding));
  }
  const worst: Grade =
    (['problem', 'warning'] as const).find((grade) => found.some((finding) => finding.grade === grade)) ?? 'ok';
  if (json) terminal.stdout.write(`${JSON.stringify({ grade: worst, findings: found }, null, 2)}\n`);
  return worst === 'problem' ? 1 : 0;
}

function lineOf({ grade, subject, text, todo }: Finding): string {
  return `${MARKS[grade]} ${subject}: ${text}${todo === undefined ? '' : `; ${todo}`}\n`;
}
