import {
  exportJWK,
  generateKeyPair,
  SignJWT,
  type CryptoKey,
  type JWK,
  type JWTPayload,
} from 'jose'

/** Somebody who makes tokens. */
export class TestIssuer {
  readonly name: string
  readonly #keys = new Map<string, { readonly privateKey: CryptoKey; readonly jwk: JWK }>()
  #current = ''

  constructor(name: string) {
    this.name = name
  }

  /** What he publishes. */
  get jwks(): { readonly keys: JWK[] } {
    return { keys: [...this.#keys.values()].map(({ jwk }) => jwk) }
  }

  /** He signs with a new key from now on. @param isAlone the others are gone. */
  async rotate(kid: string, { isAlone = true, alg = 'ES256' } = {}): Promise<this> {
    const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
    if (isAlone) this.#keys.clear()
    this.#keys.set(kid, { privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg } })
    this.#current = kid
    return this
  }

  /** Of his current key; good for an hour. */
  token(claims: JWTPayload = {}, { namesKey = true, ends = true } = {}): Promise<string> {
    const key = this.#keys.get(this.#current)
    if (key === undefined) throw new Error('rotate first')
    const { alg = 'ES256', kid = '' } = key.jwk
    const token = new SignJWT({ iss: this.name, ...claims })
      .setProtectedHeader({ alg, ...(namesKey && { kid }) })
      .setIssuedAt()
    if (ends) token.setExpirationTime(claims.exp ?? '1h')
    return token.sign(key.privateKey)
  }
}
