// The figures of the table, on numbers that can be worked out by hand.

import t from 'tap';
import { estimate, median, pairedRatios, quantile } from '../src/statistics.ts';

t.test('the median is the middle value, or halfway between the two in the middle', async (t) => {
  t.equal(median([3, 1, 2]), 2);
  t.equal(median([4, 1, 3, 2]), 2.5);
  t.equal(median([7]), 7);
  t.ok(Number.isNaN(median([])));
});

t.test('a quantile lies between two values in proportion', async (t) => {
  t.equal(quantile([0, 10], 0.25), 2.5);
  t.equal(quantile([5, 1, 3], 0), 1);
  t.equal(quantile([5, 1, 3], 1), 5);
});

t.test('a ratio compares CPU time per request within one slice', async (t) => {
  const server = [
    { cpu: 300, requests: 100 },
    { cpu: 80, requests: 20 },
  ];
  const baseline = [
    { cpu: 200, requests: 100 },
    { cpu: 80, requests: 40 },
  ];
  t.same(pairedRatios(server, baseline), [1.5, 2]);
});

t.test('a slice in which a server answered nothing says nothing', async (t) => {
  const busy = { cpu: 100, requests: 10 };
  const idle = { cpu: 100, requests: 0 };
  t.same(pairedRatios([busy, idle, busy], [idle, busy, busy]), [1]);
});

t.test('an estimate is the median of all slices, within its interval', async (t) => {
  const { value, low, high } = estimate([
    [1.0, 1.02, 1.04],
    [1.01, 1.03, 1.05],
    [1.02, 1.04, 1.06],
  ]);
  t.equal(value, 1.03);
  t.ok(low <= value && value <= high);
  t.ok(low >= 1 && high <= 1.06);
});

t.test('the same figures give the same interval', async (t) => {
  const rounds = [
    [1, 1.1, 1.2],
    [0.9, 1, 1.05],
  ];
  t.same(estimate(rounds), estimate(rounds));
});

t.test('rounds that differ from each other widen the interval, however steady each of them is', async (t) => {
  const steady = (ratio: number): number[] => Array.from({ length: 50 }, () => ratio);
  const { low, high } = estimate([steady(0.95), steady(1), steady(1), steady(1.05)]);
  t.equal(low, 0.95);
  t.equal(high, 1.05);
});

t.test('no slices give no figure', async (t) => {
  const { value, low, high } = estimate([[], []]);
  t.ok([value, low, high].every(Number.isNaN));
});
