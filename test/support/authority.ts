import { createPublicKey } from 'node:crypto'
import { join } from 'node:path'
import type { Test } from 'tap'
import { wallNow } from '../../src/base/clock.ts'
import { AuthorityFile } from '../../src/control/authority-store.ts'
import { CertificateAuthority } from '../../src/control/certificate-authority.ts'
import type { Identity } from '../../src/identity/identity.ts'
import { KeyRequest } from '../../src/identity/key-request.ts'

/** A CA of `trustDomain` with a root of its own, whatever the others are called. */
export function openAuthority(
  t: Test,
  { name = 'ca', trustDomain = 'weft.local', now = wallNow } = {},
): Promise<CertificateAuthority> {
  const store = new AuthorityFile(join(t.testdirName, name))
  return CertificateAuthority.open({ store, trustDomain, now })
}

/** What the workload of this service account would have got, with `bundle` to believe in. */
export async function issueIdentity(
  authority: CertificateAuthority,
  serviceAccount: string,
  bundle: string = authority.bundle,
): Promise<Identity> {
  const request = await KeyRequest.create()
  const der = Buffer.from(request.publicKey, 'base64')
  const key = createPublicKey({ key: der, type: 'spki', format: 'der' })
  const { chain } = await authority.issue(key, { namespace: 'default', serviceAccount })
  return request.complete(chain, bundle)
}
