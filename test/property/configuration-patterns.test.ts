import fc from 'fast-check'
import t from 'tap'
import { unsafePattern } from '../../src/model/pattern/pattern.ts'

/** A pattern as a tree, which can be written down and be matched step by step. */
type Tree =
  | { readonly kind: 'set'; readonly characters: string }
  | { readonly kind: 'sequence' | 'choice'; readonly parts: readonly Tree[] }
  | { readonly kind: 'repeat'; readonly part: Tree; readonly least: number; readonly most: number }

const { tree } = fc.letrec<{ tree: Tree }>(tie => ({
  tree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc
      .constantFrom('a', 'b', 'ab', 'abcx')
      .map(characters => ({ kind: 'set' as const, characters })),
    fc.record({
      kind: fc.constantFrom('sequence' as const, 'choice' as const),
      parts: fc.array(tie('tree'), { minLength: 1, maxLength: 4 }),
    }),
    fc.record({
      kind: fc.constant('repeat' as const),
      part: tie('tree'),
      least: fc.constantFrom(0, 1, 2),
      most: fc.constantFrom(1, 3, Number.POSITIVE_INFINITY),
    }),
  ),
}))

function write(pattern: Tree): string {
  switch (pattern.kind) {
    case 'set':
      return pattern.characters === 'abcx' ? '.' : `[${pattern.characters}]`
    case 'sequence':
      return `(?:${pattern.parts.map(write).join('')})`
    case 'choice':
      return `(?:${pattern.parts.map(write).join('|')})`
    case 'repeat': {
      const most =
        pattern.most === Number.POSITIVE_INFINITY ? '' : Math.max(pattern.most, pattern.least)
      return `(?:${write(pattern.part)}){${pattern.least},${most}}`
    }
  }
}

/** Matches as an engine that backtracks does, and counts its steps, up to a limit. */
function steps(pattern: Tree, text: string, limit: number): number {
  let count = 0
  const match = (tree: Tree, at: number, rest: (at: number) => boolean): boolean => {
    // What is over is cut short as a match.
    if (++count >= limit) return true
    switch (tree.kind) {
      case 'set':
        return at < text.length && tree.characters.includes(text.charAt(at)) && rest(at + 1)
      case 'choice':
        return tree.parts.some(part => match(part, at, rest))
      case 'sequence': {
        const from = (index: number, place: number): boolean => {
          const part = tree.parts[index]
          return part === undefined ? rest(place) : match(part, place, end => from(index + 1, end))
        }
        return from(0, at)
      }
      case 'repeat': {
        const most = Math.max(tree.most, tree.least)
        const round = (done: number, place: number): boolean => {
          const again =
            done < most &&
            match(tree.part, place, end =>
              // ECMAScript: a round that nobody asked for may not be empty.
              end === place && done >= tree.least ? false : round(done + 1, end),
            )
          return again || (done >= tree.least && rest(place))
        }
        return round(0, at)
      }
    }
  }
  match(pattern, 0, end => end === text.length)
  return count
}

const limit = 100_000
const words = ['a', 'b', 'ab', 'aab', 'ba']
const ends = ['', 'c', 'x']

t.test('a pattern that may stand in the configuration is matched in linear time', async t => {
  let taken = 0
  let slow = 0
  fc.assert(
    fc.property(tree, fc.constantFrom(...words), fc.constantFrom(...ends), (pattern, word, end) => {
      const costOf = (length: number): number => steps(pattern, word.repeat(length) + end, limit)
      const [short, long] = [costOf(40), costOf(80)]
      const isLinear = long < limit && long < 2.5 * short + 100
      const mayStand = unsafePattern(write(pattern)) === undefined
      if (mayStand) taken++
      if (!isLinear) slow++
      return isLinear || !mayStand
    }),
    { numRuns: 3000 },
  )
  t.ok(taken > 1000, `${taken} patterns were taken`)
  t.ok(slow > 30, `${slow} texts were slow to match`)
})
