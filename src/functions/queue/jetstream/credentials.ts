import { readFileSync } from 'node:fs'
import type * as Transport from '@nats-io/transport-node'

/** How a server of NATS is to know us. Secrets stand in files alone, read at each connection: they may change. */
export type NatsCredentials =
  | { readonly kind: 'password'; readonly user: string; readonly passwordFile: string }
  | { readonly kind: 'token'; readonly tokenFile: string }
  /** As `nsc generate creds` writes it. */
  | { readonly kind: 'creds'; readonly credsFile: string }

/** @throws Error, when called, for a file that can't be read. */
export function authenticatorFor(
  { usernamePasswordAuthenticator, tokenAuthenticator, credsAuthenticator }: typeof Transport,
  credentials: NatsCredentials,
): NonNullable<Transport.ConnectionOptions['authenticator']> {
  switch (credentials.kind) {
    case 'password':
      return usernamePasswordAuthenticator(credentials.user, () =>
        readSecret(credentials.passwordFile),
      )
    case 'token':
      return tokenAuthenticator(() => readSecret(credentials.tokenFile))
    case 'creds':
      return credsAuthenticator(() => readFileSync(credentials.credsFile))
    default:
      return credentials satisfies never
  }
}

/** Editors end a file with a line break, which is no part of the secret. */
function readSecret(file: string): string {
  return readFileSync(file, 'utf8').replace(/\r?\n$/, '')
}
