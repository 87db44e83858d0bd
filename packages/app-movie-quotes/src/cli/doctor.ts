// quotes doctor: what could keep the application from working, and what to do about each finding.

import type { Command } from 'commander';
import { type Finding, findings, type Grade } from './findings.ts';

const MARKS: Readonly<Record<Grade, string>> = { ok: 'ok     ', warning: 'WARNING', problem: 'PROBLEM' };

export function addDoctor(program: Command, end: (status: number) => void): void {
  program
    .command('doctor')
    .description('Looks for what could keep the application from working, and says what to do. Changes nothing.')
    .option('--json', 'writes JSON')
    .action(async ({ json = false }: { json?: boolean }) => {
      const found: Finding[] = [];
      for await (const finding of findings()) {
        found.push(finding);
        if (!json) process.stdout.write(lineOf(finding));
      }
      const worst: Grade =
        (['problem', 'warning'] as const).find((grade) => found.some((finding) => finding.grade === grade)) ?? 'ok';
      if (json) process.stdout.write(`${JSON.stringify({ grade: worst, findings: found }, null, 2)}\n`);
      if (worst === 'problem') end(1);
    });
}

function lineOf({ grade, subject, text, todo }: Finding): string {
  return `${MARKS[grade]} ${subject}: ${text}${todo === undefined ? '' : `; ${todo}`}\n`;
}
