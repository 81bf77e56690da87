import { charactersOf, readPattern, type Automaton, type Position } from './pattern-automaton.ts'

const maxLength = 512
/** Ways that a text can take through alternatives and options: `(?:foo|foobar)` has two for "foo". */
const maxWays = 1000

/**
 * Why a pattern may not stand in the configuration; undefined when it may. Those that may are matched on the request
 * path, by an engine that backtracks, in time linear in the text, whatever a caller sends. Some that would be harmless
 * are refused with the others.
 */
export function unsafePattern(source: string): string | undefined {
  if (source.length > maxLength) return `is longer than ${maxLength} characters`
  try {
    new RegExp(source)
  } catch (error) {
    return (error as Error).message
  }
  const reading = readPattern(source)
  return 'unsupported' in reading ? reading.unsupported : slowness(reading.automaton)
}

/** Backtracking costs where one character leads two ways. How much depends on how often that place is met. */
function slowness({ start, positions, ends }: Automaton): string | undefined {
  const at = (indices: readonly number[]) => indices.flatMap(index => positions[index] ?? [])
  let ways = crowd(at(start))
  for (const [index, { loop, next }] of positions.entries()) {
    const stays = (target: Position): boolean => loop !== undefined && target.loop === loop
    const inside = at(next).filter(stays)
    const outside = at(next).filter(target => !stays(target))
    if (crowd(inside) > 1)
      return 'a repetition must not take the same text in two ways: the time could double with each round'
    ways *= crowd(outside)
    if (!inside.some(target => overlaps(target, outside))) continue
    // The rest is tried after each round. Nothing is lost if it is short, or takes whatever comes.
    const repeatsAgain = positions.some(
      (later, place) =>
        place > index &&
        later.loop !== undefined &&
        later.loop !== loop &&
        !(ends.has(place) && takesAll(later, place)),
    )
    if (repeatsAgain)
      return 'a repetition must not run into another: the time could grow by the square of the length'
  }
  return ways > maxWays ? 'too many alternatives and options take the same text' : undefined
}

/** How many of the positions may take one and the same character, at most; 1 if all differ or there is none. */
function crowd(positions: readonly Position[]): number {
  const counts = positions.map(
    position =>
      positions.filter(({ characters }) => (characters & position.characters) !== 0n).length,
  )
  return Math.max(1, ...counts)
}

function overlaps({ characters }: Position, others: readonly Position[]): boolean {
  return others.some(other => (other.characters & characters) !== 0n)
}

const anything = charactersOf('.')

/** Whether it goes round with any character to the end of the text. */
function takesAll({ characters, next }: Position, index: number): boolean {
  return (characters & anything) === anything && next.every(target => target === index)
}
