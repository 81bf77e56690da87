import t from 'tap'
import {
  averageLoad,
  openWindow,
  recordLoad,
  windowBuckets,
} from '../../../../src/functions/scaling/load-window.ts'

const span = 60_000

t.test('the average is by time, over what is known', async t => {
  let window = openWindow(span, 0)
  window = recordLoad(window, 10_000, 4)
  t.equal(averageLoad(window, span), 4)
  window = recordLoad(window, 30_000, 1)
  t.equal(averageLoad(window, span), 2)
  t.equal(averageLoad(window, 6000), 1)
})

t.test('what lies before the window is forgotten', async t => {
  let window = recordLoad(openWindow(span, 0), 5000, 100)
  window = recordLoad(window, 63_500, 0)
  t.ok(averageLoad(window, span) > 0)
  window = recordLoad(window, 64_000, 0)
  t.equal(averageLoad(window, span), 0)
})

t.test('an interval longer than the window fills it', async t => {
  const window = recordLoad(recordLoad(openWindow(span, 0), 30_000, 9), 7_200_000, 2)
  t.equal(averageLoad(window, span), 2)
  t.equal(window.sums.length, windowBuckets)
})

t.test('a moment is no load', async t => {
  t.equal(averageLoad(recordLoad(openWindow(span, 0), 5, 1), span), 0.005)
  t.equal(averageLoad(openWindow(span, 0), span), 0)
})

t.test('parts of a bucket add up', async t => {
  let window = openWindow(span, 500)
  for (const [until, load] of [
    [700, 10],
    [1500, 0],
    [2500, 2],
  ] as const)
    window = recordLoad(window, until, load)
  t.equal(averageLoad(window, span), (200 * 10 + 1000 * 2) / 2000)
})
