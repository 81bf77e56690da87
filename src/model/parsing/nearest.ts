/** The candidate that differs in the fewest letters, if in few enough to be a slip; undefined otherwise. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const bound = Math.max(1, Math.floor(word.length / 3))
  let best: string | undefined
  let bestDistance = bound + 1
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase())
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** Damerau–Levenshtein with adjacent swaps: `prot` and `port` are one slip apart. */
function editDistance(a: string, b: string): number {
  let before: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitution = at(previous, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const swap = isSwap(a, b, i, j) ? at(before, j - 2) + 1 : Number.POSITIVE_INFINITY
      row.push(Math.min(substitution, at(previous, j) + 1, at(row, j - 1) + 1, swap))
    }
    before = previous
    previous = row
  }
  return at(previous, b.length)
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? 0
}

function isSwap(a: string, b: string, i: number, j: number): boolean {
  return a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
}
