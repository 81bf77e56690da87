import fc from 'fast-check'
import t from 'tap'
import { StreamTable } from '../../../../src/http/http2/stream-table.ts'

t.test('the table behaves like a map, long-lived streams included', async t => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 2000 }), choices => {
      const table = new StreamTable<{ id: number }>()
      const map = new Map<number, { id: number }>()
      let next = 1
      for (const choice of choices) {
        if (choice > 0) {
          const stream = { id: next }
          next += 2 * 31 ** (choice - 1)
          table.add(stream)
          map.set(stream.id, stream)
          continue
        }
        // The second oldest, so that the oldest lives on and its slot is met again.
        const victim = [...map.values()][1]
        if (victim === undefined) continue
        map.delete(victim.id)
        if (!table.delete(victim) || table.delete(victim)) return false
      }
      if (table.size !== map.size || table.get(next) !== undefined) return false
      const listed = [...table.values()].map(stream => stream.id).toSorted((a, b) => a - b)
      return (
        [...map].every(([id, stream]) => table.get(id) === stream) &&
        JSON.stringify(listed) === JSON.stringify([...map.keys()])
      )
    }),
    { numRuns: 100 },
  )
  t.pass()
})

t.test('streams deleted during a visit are not visited', async t => {
  const table = new StreamTable<{ id: number }>()
  const streams = [1, 3, 5].map(id => ({ id }))
  for (const stream of streams) table.add(stream)
  const visited: number[] = []
  for (const stream of table.values()) {
    visited.push(stream.id)
    for (const one of streams) table.delete(one)
  }
  t.strictSame(visited, [1])
  t.equal(table.size, 0)
})
