import t from 'tap'
import { charactersOf, readPattern } from '../../../../src/model/pattern/pattern-automaton.ts'

/** Of each position its character, where it leads, and its repetition; then where a match begins and may end. */
function automaton(source: string): string[] {
  const reading = readPattern(source)
  if ('unsupported' in reading) return [reading.unsupported]
  const { start, positions, ends } = reading.automaton
  const lines = positions.map(({ characters, next, loop }) => {
    const letter = String.fromCharCode(characters.toString(2).length - 1)
    return `${letter} → ${next.join(' ')}${loop === undefined ? '' : ` in ${loop}`}`
  })
  return [...lines, `${start.join(' ')} to ${[...ends].join(' ')}`]
}

t.test('a sequence leads from each character to the next', async t => {
  t.same(automaton('ab'), ['a → 1', 'b → ', '0 to 1'])
})

t.test('an option may be passed over', async t => {
  t.same(automaton('ab?c'), ['a → 1 2', 'b → 2', 'c → ', '0 to 2'])
  t.same(automaton('a?b?'), ['a → 1', 'b → ', '0 1 to 0 1'])
})

t.test('alternatives begin together and lead on together', async t => {
  t.same(automaton('(?:a|b)c'), ['a → 2', 'b → 2', 'c → ', '0 1 to 2'])
})

t.test('a repetition leads back, once for each way to do so', async t => {
  t.same(automaton('(ab)*c'), ['a → 1 in 0', 'b → 0 2 in 0', 'c → ', '0 2 to 2'])
  t.same(automaton('(a+)+'), ['a → 0 0 in 1', '0 to 0'])
  for (const times of ['+', '{2}', '{2,}', '{1,3}', '+?'])
    t.same(automaton(`a${times}`), ['a → 0 in 0', '0 to 0'], times)
  for (const times of ['*', '{0}', '{0,}', '{0,3}', '*?'])
    t.same(automaton(`a${times}b`), ['a → 0 1 in 0', 'b → ', '0 1 to 1'], times)
})

t.test('assertions take no character', async t => {
  t.same(automaton('^a\\bb\\B$'), ['a → 1', 'b → ', '0 to 1'])
})

t.test('groups of all kinds are read, with and without a name', async t => {
  for (const source of ['(a)', '(?:a)', '(?<x>a)', '((a))'])
    t.same(automaton(source), ['a → ', '0 to 0'], source)
})

t.test('a brace that opens no quantifier is a character', async t => {
  t.same(automaton('{a}'), ['{ → 1', 'a → 2', '} → ', '0 to 2'])
})

t.test('the first thing that is not supported is quoted', async t => {
  t.same(automaton('ab(?=c)(?!d)'), ['"(?=c" is not supported'])
})

t.test('a set stands for the characters that the engine says', async t => {
  const bits = (text: string) =>
    Buffer.from(text, 'latin1').reduce((all, code) => all | (1n << BigInt(code)), 0n)
  t.equal(charactersOf('[a-c]'), bits('abc'))
  t.equal(charactersOf('\\d'), bits('0123456789'))
  t.equal(charactersOf('\\x41'), bits('A'))
  t.equal(charactersOf('[]'), 0n)
  t.equal(charactersOf('.'), (1n << 256n) - 1n - bits('\n\r'))
})
