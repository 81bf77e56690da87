import t from 'tap'
import { ConcurrencyMeter } from '../../../../src/functions/scaling/concurrency-meter.ts'

t.test('the mean is by time, and begins anew when it is taken', async t => {
  const meter = new ConcurrencyMeter(1000)
  meter.set(1500, 4)
  meter.set(1750, 0)
  t.equal(meter.take(2000), 1)
  t.equal(meter.take(3000), 0)
  meter.set(3000, 3)
  t.equal(meter.current, 3)
  t.equal(meter.take(4000), 3)
})

t.test('where no time has passed, it is what is there', async t => {
  const meter = new ConcurrencyMeter(0)
  meter.set(0, 7)
  t.equal(meter.take(0), 7)
  t.equal(meter.take(0), 7)
})
