import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import {
  createJoinToken,
  redeemJoinToken,
  removeExpiredTokens,
  type JoinTokenRecord,
} from '../../../src/control/join-token.ts'

const record: JoinTokenRecord = {
  namespace: 'shop',
  name: 'orders-1',
  serviceAccount: 'orders',
  labels: { app: 'orders' },
  expiresAt: 1000,
}

t.test('a token lets its workload in once', async t => {
  const folder = t.testdir()
  const token = await createJoinToken(folder, record)
  t.strictSame(await redeemJoinToken(folder, token, 0), record)
  t.equal(await redeemJoinToken(folder, token, 0), undefined)
})

t.test('of a hundred who come with one token at once, one is let in', async t => {
  const folder = t.testdir()
  const token = await createJoinToken(folder, record)
  const redeemed = await Promise.all(
    Array.from({ length: 100 }, () => redeemJoinToken(folder, token, 0)),
  )
  t.strictSame(redeemed.filter(Boolean), [record])
})

t.test('a token counts until just before its end', async t => {
  const folder = t.testdir()
  const [early, late] = [
    await createJoinToken(folder, record),
    await createJoinToken(folder, record),
  ]
  t.strictSame(await redeemJoinToken(folder, early, 999), record)
  t.equal(await redeemJoinToken(folder, late, 1000), undefined)
  t.equal(await redeemJoinToken(folder, late, 0), undefined, 'and is gone then')
})

t.test('a token that was changed, guessed or led astray is none', async t => {
  const folder = t.testdir()
  const token = await createJoinToken(folder, record)
  const other = token.startsWith('A') ? `B${token.slice(1)}` : `A${token.slice(1)}`
  const [file = ''] = readdirSync(join(folder, 'tokens'))
  const tampered = [
    other,
    token.slice(0, -1),
    `${token}=`,
    ` ${token}`,
    '',
    '../ca',
    file,
    file.replace('.json', ''),
    'x'.repeat(43),
  ]
  for (const guess of tampered) t.equal(await redeemJoinToken(folder, guess, 0), undefined, guess)
  t.strictSame(await redeemJoinToken(folder, token, 0), record, 'the token itself is still good')
})

t.test('what is stored does not give the token away, and is for its owner alone', async t => {
  const folder = t.testdir()
  const token = await createJoinToken(folder, record)
  t.match(token, /^[\w-]{43}$/)
  const [file = '', ...others] = readdirSync(join(folder, 'tokens'))
  t.strictSame(others, [])
  const path = join(folder, 'tokens', file)
  t.notOk(`${file}${readFileSync(path, 'utf8')}`.includes(token))
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.equal(statSync(join(folder, 'tokens')).mode & 0o777, 0o700)
})

t.test('a token is made only for what can be an identity and a name', async t => {
  const folder = t.testdir()
  const bad: Partial<JoinTokenRecord>[] = [
    { namespace: 'a/b' },
    { namespace: '' },
    { serviceAccount: '..' },
    { name: 'a/b' },
    { name: '../x' },
    { name: '' },
    { name: 'Orders' },
    { name: 'x'.repeat(254) },
  ]
  for (const part of bad)
    await t.rejects(createJoinToken(folder, { ...record, ...part }), RangeError)
  t.strictSame(readdirSync(folder), [])
})

t.test('expired tokens are cleared away, and nothing else', async t => {
  const folder = t.testdir()
  await removeExpiredTokens(folder, 0)
  await createJoinToken(folder, record)
  const valid = await createJoinToken(folder, { ...record, expiresAt: 2000 })
  const tokens = join(folder, 'tokens')
  writeFileSync(join(tokens, 'damaged.json'), '{')
  writeFileSync(join(tokens, 'notes.txt'), '')
  await removeExpiredTokens(folder, 1000)
  t.equal(readdirSync(tokens).length, 3)
  t.strictSame(await redeemJoinToken(folder, valid, 1000), { ...record, expiresAt: 2000 })
})
