import t from 'tap'
import { MaglevTable } from '../../../../src/balancing/hashing/maglev-table.ts'
import { endpointStates } from '../endpoint-states.ts'

t.test('a table of nobody has no place for a key', async t => {
  const table = new MaglevTable([])
  t.equal(table.length, 0)
  t.equal(table.at(table.position(7)), undefined)
})

t.test('it has 65,537 slots unless told otherwise', async t => {
  t.equal(new MaglevTable(endpointStates(1)).length, 65_537)
  t.equal(new MaglevTable(endpointStates(1), 1021).length, 1021)
})

t.test('the order of the list decides nothing', async t => {
  const states = endpointStates(1, 2, 3)
  const [table, other] = [new MaglevTable(states, 1021), new MaglevTable(states.toReversed(), 1021)]
  for (let slot = 0; slot < 1021; slot++)
    if (table.at(slot) !== other.at(slot)) t.fail(`slot ${slot} differs`)
})

t.test('more endpoints than slots fill it as well', async t => {
  const table = new MaglevTable(endpointStates(...Array.from({ length: 1200 }, () => 1)), 1021)
  const owners = new Set(Array.from({ length: 1021 }, (_, slot) => table.at(slot)))
  t.equal(owners.size, 1021)
})
