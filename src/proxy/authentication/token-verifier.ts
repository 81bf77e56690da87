import type { JWTPayload, JWTVerifyOptions } from 'jose'
import type { JwtRule } from '../../model/policy/request-authentication.ts'
import type { Claims } from '../authorization/claims.ts'
import type { FindKey, KeySet } from './key-set.ts'

/** Signatures by a private key alone: no `none`, and none by a secret that a public key could be taken for. */
const algorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
]
/** Clocks of issuers go wrong by so much, as Envoy has it. */
const clockToleranceSeconds = 60
/** Tokens are some kilobytes at most; a head can be longer. */
const maxTokenLength = 16_384

export interface VerifiedToken {
  readonly rule: JwtRule
  readonly claims: Claims
  /** ms since 1970. */
  readonly expiresAt: number
}

/** Why a token is not believed, for its caller. */
export class TokenFault extends Error {
  override readonly name = 'TokenFault'
}

export interface RuleKeys {
  readonly rule: JwtRule
  readonly keys: KeySet
}

/** The issuer that a token claims to be from; nothing of it is proven. @throws TokenFault */
export async function issuerOf(token: string): Promise<string | undefined> {
  if (token.length > maxTokenLength) throw new TokenFault('it is too long')
  const { decodeJwt } = await import('jose')
  try {
    return decodeJwt(token).iss
  } catch {
    throw new TokenFault('it is no JWT')
  }
}

/** RFC 7519 §7.2 and RFC 8725. @throws TokenFault */
export async function verifyToken(
  token: string,
  { rule, keys }: RuleKeys,
  wallNow: number,
): Promise<VerifiedToken> {
  const { jwtVerify, errors } = await import('jose')
  const options: JWTVerifyOptions = {
    algorithms,
    issuer: rule.issuer,
    clockTolerance: clockToleranceSeconds,
    currentDate: new Date(wallNow),
    requiredClaims: ['exp'],
    ...(rule.audiences.length > 0 && { audience: [...rule.audiences] }),
  }
  const verify = async (find: FindKey): Promise<JWTPayload> => {
    try {
      return (await jwtVerify(token, find, options)).payload
    } catch (error) {
      if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error
      // Without a name for its key: each that would do is tried.
      for await (const key of error) {
        const payload = await jwtVerify(token, key, options).catch(() => undefined)
        if (payload !== undefined) return payload.payload
      }
      throw error
    }
  }
  const claims = await withKeys(keys, rule, async find => {
    try {
      return await verify(find)
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey && (await keys.renew()))
        return verify(await keys.keys())
      throw error
    }
  })
  return { rule, claims, expiresAt: ((claims.exp ?? 0) + clockToleranceSeconds) * 1000 }
}

async function withKeys(
  keys: KeySet,
  { issuer }: JwtRule,
  verify: (find: FindKey) => Promise<JWTPayload>,
): Promise<JWTPayload> {
  let find: FindKey
  try {
    find = await keys.keys()
  } catch (error) {
    throw new TokenFault(`the keys of ${issuer} can't be had now: ${(error as Error).message}`)
  }
  try {
    return await verify(find)
  } catch (error) {
    throw new TokenFault(`${issuer}: ${(error as Error).message}`)
  }
}
