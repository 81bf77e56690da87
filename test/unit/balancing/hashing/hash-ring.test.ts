import t from 'tap'
import { HashRing } from '../../../../src/balancing/hashing/hash-ring.ts'
import { endpointStates } from '../endpoint-states.ts'

t.test('a ring of nobody has no place for a key', async t => {
  const ring = new HashRing([])
  t.equal(ring.length, 0)
  t.equal(ring.at(ring.position(7)), undefined)
})

t.test('after the last point comes the first', async t => {
  const ring = new HashRing(endpointStates(1, 1))
  t.equal(ring.position(0xffff_ffff), 0)
  t.equal(ring.position(0), 0)
})

t.test('the order of the list decides nothing', async t => {
  const states = endpointStates(1, 2, 3)
  const [ring, other] = [new HashRing(states), new HashRing(states.toReversed())]
  t.equal(ring.length, other.length)
  for (let position = 0; position < ring.length; position++)
    if (ring.at(position) !== other.at(position)) t.fail(`position ${position} differs`)
})

t.test('it has at least 1024 points, 64 an endpoint, and never more than 131,072', async t => {
  const sizeOf = (count: number, minSize?: number): number =>
    new HashRing(endpointStates(...Array.from({ length: count }, () => 1)), minSize).length
  t.equal(sizeOf(1), 1024)
  t.equal(sizeOf(100), 6400)
  t.equal(sizeOf(4000), 4000 * 32)
  t.equal(sizeOf(1, 2000), 2048)
  t.equal(sizeOf(1, 1_000_000), 65_536)
})
