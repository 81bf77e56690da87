import t from 'tap'
import { MemoryTrim } from '../../../src/proxy/memory-trim.ts'

const mib = 1024 * 1024

function setUp() {
  const state = { work: 0, resident: 100 * mib, trims: 0 }
  const memory = {
    resident: () => state.resident,
    trim: () => {
      state.trims++
      state.resident = 70 * mib
    },
  }
  return { state, trim: new MemoryTrim(memory, () => state.work, 0) }
}

t.test('memory of the start is given back after two idle seconds, once', async t => {
  const { state, trim } = setUp()
  trim.sweep(1999)
  t.equal(state.trims, 0)
  trim.sweep(2000)
  trim.sweep(60_000)
  t.equal(state.trims, 1)
})

t.test('nothing is done while there is work', async t => {
  const { state, trim } = setUp()
  for (let now = 1000; now < 60_000; now += 1000) {
    state.work++
    trim.sweep(now)
  }
  t.equal(state.trims, 0)
})

t.test('it trims again only when the process has grown by 2 MiB', async t => {
  const { state, trim } = setUp()
  trim.sweep(2000)
  state.resident = 72 * mib - 1
  trim.sweep(20_000)
  t.equal(state.trims, 1)
  state.resident = 72 * mib
  trim.sweep(40_000)
  t.equal(state.trims, 2)
})
