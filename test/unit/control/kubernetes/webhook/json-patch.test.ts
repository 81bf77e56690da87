import fc from 'fast-check'
import t from 'tap'
import { diff } from '../../../../../src/control/kubernetes/webhook/json-patch.ts'
import { applyPatch } from './apply-patch.ts'

t.test('what is the same needs nothing', async t => {
  for (const value of [null, 1, 'a', [], {}, [{ a: [1, { b: null }] }]])
    t.strictSame(diff(value, structuredClone(value)), [])
})

t.test('members are added, replaced and removed where they differ, and no further up', async t => {
  const before = { a: { same: 1, other: 1, gone: 1 }, b: [1] }
  const after = { a: { same: 1, other: 2, new: { x: 1 } }, b: [1] }
  t.strictSame(diff(before, after), [
    { op: 'remove', path: '/a/gone' },
    { op: 'replace', path: '/a/other', value: 2 },
    { op: 'add', path: '/a/new', value: { x: 1 } },
  ])
})

t.test('what a list begins and ends with is left alone', async t => {
  t.strictSame(diff(['a', 'b'], ['x', 'a', 'b']), [{ op: 'add', path: '/0', value: 'x' }])
  t.strictSame(diff(['a', 'b'], ['a', 'b', 'x', 'y']), [
    { op: 'add', path: '/2', value: 'x' },
    { op: 'add', path: '/3', value: 'y' },
  ])
  t.strictSame(diff(['a', 'b', 'c', 'd'], ['a', 'd']), [
    { op: 'remove', path: '/2' },
    { op: 'remove', path: '/1' },
  ])
  t.strictSame(diff([{ n: 1 }, { n: 2 }, { n: 3 }], [{ n: 1 }, { n: 9 }, { n: 3 }]), [
    { op: 'replace', path: '/1/n', value: 9 },
  ])
})

t.test('names are escaped, and may be what every object has', async t => {
  const before = JSON.parse('{"a/b~c":1,"":1,"constructor":1}') as object
  const after = JSON.parse('{"a/b~c":2,"__proto__":{"x":1},"toString":1}') as object
  t.strictSame(diff(before, after), [
    { op: 'remove', path: '/' },
    { op: 'remove', path: '/constructor' },
    { op: 'replace', path: '/a~1b~0c', value: 2 },
    { op: 'add', path: '/__proto__', value: { x: 1 } },
    { op: 'add', path: '/toString', value: 1 },
  ])
  t.equal(({} as { x?: unknown }).x, undefined)
})

t.test('a value of another type is replaced, and one that is undefined is absent', async t => {
  t.strictSame(diff({ a: [] }, { a: {} }), [{ op: 'replace', path: '/a', value: {} }])
  t.strictSame(diff({ a: null }, { a: {} }), [{ op: 'replace', path: '/a', value: {} }])
  t.strictSame(diff({ a: 1 }, { a: undefined }), [{ op: 'remove', path: '/a' }])
  t.strictSame(diff({}, { a: undefined }), [])
  t.strictSame(diff(1, 'a'), [{ op: 'replace', path: '', value: 'a' }])
})

const names = fc.oneof(
  fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor', '', '/', '~', '~1', '0'),
  fc.string(),
)
const { json } = fc.letrec(tie => ({
  json: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(null, true, 0, 1, 'a', 'b'),
    fc.array(tie('json'), { maxLength: 5 }),
    fc
      .array(fc.tuple(names, tie('json')), { maxLength: 5 })
      .map(entries => JSON.parse(`{${entries.map(member).join(',')}}`) as unknown),
  ),
}))

function member([name, value]: [string, unknown]): string {
  return `${JSON.stringify(name)}:${JSON.stringify(value)}`
}

t.test('whatever two documents are, the patch makes one of the other', async () => {
  fc.assert(
    fc.property(json, json, (before, after) => {
      const sent = JSON.parse(JSON.stringify(diff(before, after))) as ReturnType<typeof diff>
      const made = applyPatch(sent, before)
      if (!same(made, after)) throw new Error(`made ${JSON.stringify(made)}`)
    }),
    { numRuns: 1000 },
  )
})

/** As texts with members in one order: deep equality of tap sees no own `__proto__`. */
function same(one: unknown, other: unknown): boolean {
  return sorted(one) === sorted(other)
}

function sorted(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(sorted).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([name, item]) => `${JSON.stringify(name)}:${sorted(item)}`).join(',')}}`
}
