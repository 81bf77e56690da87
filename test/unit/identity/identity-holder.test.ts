import t from 'tap'
import { IdentityHolder } from '../../../src/identity/identity-holder.ts'
import type { Identity } from '../../../src/identity/identity.ts'
import { issueIdentity, openAuthority } from '../../support/authority.ts'

t.test('whoever listens hears of each replacement, until it stops', async t => {
  t.testdir()
  const authority = await openAuthority(t)
  const [first, second, third] = (await Promise.all(
    ['a', 'b', 'c'].map(account => issueIdentity(authority, account)),
  )) as [Identity, Identity, Identity]
  const holder = new IdentityHolder(first)
  t.equal(holder.current, first)
  const heard: Identity[] = []
  const stop = holder.onChange(identity => {
    t.equal(holder.current, identity, 'it is in use already')
    heard.push(identity)
  })
  holder.replace(second)
  stop()
  holder.replace(third)
  t.strictSame(
    heard.map(({ uri }) => uri),
    [second.uri],
  )
  t.equal(holder.current, third)
})
