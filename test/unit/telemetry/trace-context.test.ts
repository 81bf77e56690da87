import t from 'tap'
import {
  childOf,
  formatTraceparent,
  parseTraceparent,
  startTrace,
} from '../../../src/telemetry/trace-context.ts'

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const spanId = '00f067aa0ba902b7'

t.test('a traceparent is read and written back', async t => {
  const text = `00-${traceId}-${spanId}-01`
  const context = parseTraceparent(text)
  t.strictSame(context, { traceId, spanId, flags: 1 })
  t.equal(context && formatTraceparent(context), text)
})

t.test('a later version is read as far as it is known', async t => {
  t.strictSame(parseTraceparent(`01-${traceId}-${spanId}-ff-more`), { traceId, spanId, flags: 3 })
  t.strictSame(parseTraceparent(`cc-${traceId}-${spanId}-00`), { traceId, spanId, flags: 0 })
})

t.test('what is malformed is undefined', async t => {
  for (const text of [
    '',
    'x',
    `ff-${traceId}-${spanId}-01`,
    `00-${'0'.repeat(32)}-${spanId}-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    `00-${traceId.toUpperCase()}-${spanId}-01`,
    `00-${traceId}-${spanId}-1`,
    `00-${traceId}-${spanId}-01-`,
    `00-${traceId}-${spanId}-01-more`,
    `01-${traceId}-${spanId}-01more`,
    ` 00-${traceId}-${spanId}-01`,
    `00-${traceId.slice(1)}-${spanId}-01`,
    `0g-${traceId}-${spanId}-01`,
  ])
    t.equal(parseTraceparent(text), undefined, text)
})

t.test('a child keeps trace and flags and has a span of its own', async t => {
  const child = childOf({ traceId, spanId, flags: 1 }, () => 0.5)
  t.strictSame(child, { traceId, spanId: '8000000080000000', flags: 1 })
})

t.test('a new trace is valid whatever the dice say', async t => {
  for (const dice of [0, 0.999999999, 0.1]) {
    const context = startTrace(true, () => dice)
    t.strictSame(parseTraceparent(formatTraceparent(context)), context)
  }
  t.equal(startTrace(false, () => 0.5).flags & 1, 0)
  t.equal(startTrace(true, () => 0.5).flags & 1, 1)
})
