import t from 'tap'
import type { Problem, Push } from '../../../src/discovery/message.ts'
import { nackOf } from '../../../src/discovery/nack.ts'
import {
  maxSidecarLineBytes,
  readSidecarMessage,
} from '../../../src/control/sidecars/sidecar-message.ts'
import { snapshotOf } from './snapshots.ts'

const snapshot = snapshotOf({})
const push: Push = {
  type: 'push',
  nonce: 7,
  version: snapshot.version,
  content: { kind: 'snapshot', snapshot },
}

function problems(count: number, length = 10): Problem[] {
  return Array.from({ length: count }, (_, index) => ({
    path: `clusters.${index}`,
    message: '\u0001'.repeat(length),
  }))
}

t.test('a nack names the push and every problem', async t => {
  const all = problems(99)
  const { nonce, version } = push
  t.strictSame(nackOf(push, all), { type: 'nack', nonce, version, problems: all })
})

t.test('of very many problems it names the first, and how many more there are', async t => {
  const listed = nackOf(push, problems(1000)).problems
  t.equal(listed.length, 100)
  t.strictSame(listed.slice(0, 99), problems(99))
  t.strictSame(listed[99], { path: '', message: 'and 901 more' })
})

t.test('a long text is clipped', async t => {
  const [problem] = nackOf(push, [{ path: 'p'.repeat(500), message: 'm'.repeat(5000) }]).problems
  t.equal(problem?.path, `${'p'.repeat(255)}…`)
  t.equal(problem?.message, `${'m'.repeat(1023)}…`)
})

t.test('the control plane takes it, whatever the problems', async t => {
  const nack = nackOf(push, problems(1000, 5000))
  t.ok(Buffer.byteLength(JSON.stringify(nack)) < maxSidecarLineBytes)
  t.strictSame(readSidecarMessage(JSON.parse(JSON.stringify(nack))), nack)
  t.match(nack.problems.at(-1), { message: `and ${1001 - nack.problems.length} more` })
})
