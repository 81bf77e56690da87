import type { JsMsg } from '@nats-io/jetstream'
import { headers } from '@nats-io/transport-node'
import t from 'tap'
import {
  encodeFields,
  eventHeader,
  idOfKey,
  readEvent,
  readFields,
  remainingMs,
} from '../../../../../src/functions/queue/jetstream/message.ts'

const fields = { id: 'e', enqueuedAt: 1000, attempts: 1, throttles: 2 }

function headed(value: string): Pick<JsMsg, 'headers'> {
  const lines = headers()
  lines.set(eventHeader, value)
  return { headers: lines }
}

function delivered(deliveryCount: number, data = Buffer.from('{}')): Pick<JsMsg, 'data' | 'info'> {
  return { data, info: { deliveryCount } as JsMsg['info'] }
}

t.test('fields come back as they were, line breaks and all', async t => {
  const whole = { ...fields, clientContext: '{\r\n"ü":1}', traceId: 'Root=1' }
  t.strictSame(readFields(headed(encodeFields(whole))), whole)
})

t.test('what others publish is no event', async t => {
  const base64 = (text: string) => Buffer.from(text).toString('base64')
  t.equal(readFields({ headers: undefined as never }), undefined)
  for (const value of ['', '%%%', base64('null'), base64('[]'), base64('{"id":1}'), base64('{')])
    t.equal(readFields(headed(value)), undefined, value)
  const endless = base64('{"id":"a","enqueuedAt":1e999,"attempts":0,"throttles":0}')
  t.equal(readFields(headed(endless)), undefined)
})

t.test('deliveries beyond the first are times that it was given back', async t => {
  t.match(readEvent(delivered(1), fields, 1500), { throttles: 2, ageMs: 500, attempts: 1 })
  t.match(readEvent(delivered(4), fields, 0), { throttles: 5, ageMs: 0 })
  t.match(readEvent(delivered(2), { ...fields, dueAt: 1, delayMs: 1 }, 0), { throttles: 2 })
})

t.test('a verdict stands behind the payload', async t => {
  const event = readEvent(delivered(1, Buffer.from('abcÄ')), { ...fields, payloadBytes: 3 }, 0)
  t.equal(event.payload.toString(), 'abc')
  t.equal(event.verdict, 'Ä')
})

t.test('waits for no longer than it was told, whatever the clock says, and once', async t => {
  const waiting = { ...fields, dueAt: 10_000, delayMs: 600 }
  t.equal(remainingMs(delivered(1), waiting, 9_900), 100)
  t.equal(remainingMs(delivered(1), waiting, 0), 600)
  t.equal(remainingMs(delivered(1), waiting, 99_000), 0)
  t.equal(remainingMs(delivered(2), waiting, 0), 0)
  t.equal(remainingMs(delivered(1), fields, 0), 0)
})

t.test('a key gives one id for each function, which looks like any other', async t => {
  t.equal(idOfKey('a.b', 'k'), idOfKey('a.b', 'k'))
  t.not(idOfKey('a.b', 'k'), idOfKey('a.c', 'k'))
  t.match(idOfKey('a', 'k'), /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/)
})
