/** Middle value; of an even count the mean of the two middle ones. */
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Runs works in turn, so that all see the same machine, and returns the times of each in milliseconds. */
export async function alternate(rounds, ...works) {
  const times = works.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, work] of works.entries()) {
      const start = performance.now();
      await work();
      times[index].push(performance.now() - start);
    }
  }
  return times;
}

/** One line for a person: `a 120 ms, b 100 ms, ratio 1.20 (goal <= 1.50)`. */
export function report(title, [nameA, timesA], [nameB, timesB], goal) {
  const [a, b] = [median(timesA), median(timesB)];
  const range = (times) => `${Math.min(...times).toFixed(0)}-${Math.max(...times).toFixed(0)}`;
  console.log(
    `${title}: ${nameA} ${a.toFixed(0)} ms (${range(timesA)}), ${nameB} ${b.toFixed(0)} ms (${range(timesB)}), ` +
      `ratio ${(a / b).toFixed(2)}${goal ? ` (goal <= ${goal})` : ''}, ${timesA.length} rounds`,
  );
}
