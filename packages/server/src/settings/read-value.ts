// The text of a flag, a variable or a configuration file as the value of a setting, or what is wrong with it.

import { parseTrust } from '@tsgi/adapter-node';
import { parseBind, type TsgiError } from '@tsgi/core';
import type { SettingType } from './table.ts';

/** A value read, or what the setting takes instead. */
export type Reading = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly takes: string };

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const SIZES: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** Reads `given`, which is text, or from a configuration file also a number, a boolean or an array. */
export function readValue(type: SettingType, given: unknown): Reading {
  switch (type.kind) {
    case 'text':
    case 'path':
      if (type.kind === 'path' && type.off && given === 'off') return good(null);
      return typeof given === 'string' && given !== ''
        ? good(given)
        : bad(type.kind === 'path' ? 'a path' : `text such as ${type.example}`);
    case 'list':
      return readList(type.of, given);
    case 'choice':
      return type.values.includes(String(given)) ? good(given) : bad(type.values.join(', '));
    case 'switch':
      if (given === true || given === 'true' || given === '1' || given === 'yes') return good(true);
      return given === false || given === 'false' || given === '0' || given === 'no'
        ? good(false)
        : bad('true or false');
    case 'count':
      return ranged(/^\d+$/.test(String(given)) ? Number(given) : Number.NaN, type, String, 'a whole number');
    case 'duration':
      return ranged(duration(given), type, showDuration, 'a time such as 500ms, 30s, 5m, 2h, or a number of seconds,');
    case 'bytes':
      return ranged(bytes(given), type, showBytes, 'a size such as 512, 64k, 128m, 1g,');
    case 'mode': {
      const digits = /^(?:0o?)?([0-7]{1,3})$/.exec(typeof given === 'number' ? given.toString(8) : String(given));
      return digits === null
        ? bad('permission bits in octal, such as 660')
        : good(Number.parseInt(digits[1] as string, 8));
    }
    case 'workers':
      if (given === 'auto') return good('auto');
      return /^\d+$/.test(String(given)) && Number(given) >= 1 && Number(given) <= 1024
        ? good(Number(given))
        : bad('a whole number from 1 to 1024, or auto');
  }
}

function readList(of: 'bind' | 'network' | 'text' | 'path', given: unknown): Reading {
  const items = Array.isArray(given) ? given.map(String) : String(given).split(',');
  const list = items.map((item) => item.trim()).filter((item) => item !== '');
  const parse = of === 'bind' ? parseBind : of === 'network' ? (item: string) => parseTrust([item]) : null;
  if (parse === null) return good(list);
  for (const item of list) {
    try {
      parse(item);
    } catch (error) {
      const { message, todo } = error as TsgiError;
      return bad(`${of}s: ${message}; ${todo}`);
    }
  }
  return good(list);
}

function ranged(
  value: number,
  { min, max }: { readonly min: number; readonly max: number },
  show: (value: number) => string,
  what: string,
): Reading {
  if (value >= min && value <= max) return good(value);
  return bad(
    max === Number.MAX_SAFE_INTEGER ? `${what} from ${show(min)} on` : `${what} from ${show(min)} to ${show(max)}`,
  );
}

/** Seconds where no unit is given, as Gunicorn has it. */
function duration(given: unknown): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(String(given));
  return match === null ? Number.NaN : Math.round(Number(match[1]) * (UNITS[match[2] ?? 's'] as number));
}

function bytes(given: unknown): number {
  const match = /^(\d+)([kmg]?)$/i.exec(String(given));
  return match === null ? Number.NaN : Number(match[1]) * (SIZES[(match[2] as string).toLowerCase()] as number);
}

/** `90s`, `500ms`, `2h`: the largest unit that leaves a whole number. */
export function showDuration(ms: number): string {
  for (const unit of ['h', 'm', 's'] as const) {
    const size = UNITS[unit] as number;
    if (ms >= size && ms % size === 0) return `${ms / size}${unit}`;
  }
  return `${ms}ms`;
}

/** `64k`, `128m`: the largest unit that leaves a whole number. */
export function showBytes(value: number): string {
  for (const unit of ['g', 'm', 'k'] as const) {
    const size = SIZES[unit] as number;
    if (value >= size && value % size === 0) return `${value / size}${unit}`;
  }
  return String(value);
}

function good(value: unknown): Reading {
  return { ok: true, value };
}

function bad(takes: string): Reading {
  return { ok: false, takes };
}
