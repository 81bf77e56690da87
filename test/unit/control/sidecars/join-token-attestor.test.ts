import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createJoinToken } from '../../../../src/control/join-token.ts'
import { JoinTokenAttestor } from '../../../../src/control/sidecars/join-token-attestor.ts'

const record = {
  namespace: 'shop',
  name: 'orders-1',
  serviceAccount: 'orders',
  labels: { app: 'orders' },
  expiresAt: 1000,
}

t.test('a join token says who its bearer is, once', async t => {
  const folder = t.testdir()
  const attestor = new JoinTokenAttestor(folder, () => 0)
  const token = await createJoinToken(folder, record)
  const evidence = { token, publicKey: '', address: undefined }
  const { expiresAt: _, ...workload } = record
  t.strictSame(await attestor.attest(evidence), workload)
  t.strictSame(readdirSync(join(folder, 'tokens')), [])
  await t.rejects(attestor.attest(evidence), { name: 'AttestationError', reason: 'bad_token' })
})

t.test('tokens of other kinds are left to others, without a look at the disk', async t => {
  const folder = join(t.testdir(), 'missing')
  const attestor = new JoinTokenAttestor(folder, () => 0)
  for (const token of [undefined, '', 'a.b.c', '../../etc/passwd', 'x'.repeat(44)])
    t.equal(await attestor.attest({ token, publicKey: '', address: '10.0.0.1' }), undefined)
  t.notOk(existsSync(folder))
})
