import { z } from 'zod'
import { isSecure } from '../../base/secure-origin.ts'
import {
  checkPolicyTarget,
  headerName,
  metadata,
  objectName,
  policyTarget,
  status,
} from './common.ts'
import { reservedReason } from './routes/header-modifier.ts'

const text = z.string().min(1).max(1024)
const claimName = z.string().min(1).max(256)
const maxKeys = 100

/** With a shared secret whoever can verify can also sign, and the "public" key of another rule would be one. */
const publicTypes: ReadonlySet<unknown> = new Set(['RSA', 'EC', 'OKP'])

/** Keys of a set as it travels; what each needs is known to whoever imports it. */
const jwks = z
  .strictObject({ keys: z.array(z.record(z.string(), z.unknown())).min(1).max(maxKeys) })
  .superRefine(({ keys }, context) => {
    for (const [index, key] of keys.entries()) {
      const path = ['keys', index]
      if (!publicTypes.has(key['kty']))
        context.addIssue({ code: 'custom', path, message: 'must be a public key: RSA, EC or OKP' })
      else if (Object.hasOwn(key, 'd'))
        context.addIssue({
          code: 'custom',
          path,
          message: 'is a private key; give its public part',
        })
    }
  })

const jwksUri = z
  .string()
  .max(2048)
  .superRefine((uri, context) => {
    const url = URL.parse(uri)
    const report = (message: string): void => context.addIssue({ code: 'custom', message })
    if (url === null || !/^https?:$/.test(url.protocol)) return report('is no URL of http or https')
    if (url.username !== '' || url.password !== '') return report('must not hold a password')
    // Within the mesh http is carried by mTLS.
    if (!isSecure(url.origin, false) && !isMeshName(url.hostname))
      report('must be https, or http to a Service of this mesh, as http://keycloak.default:8080/…')
  })

/** `name.namespace` and its longer forms: what is outside the mesh has no such name, and is not reached by http. */
function isMeshName(hostname: string): boolean {
  return /^[a-z0-9-]+\.[a-z0-9-]+(?:\.svc(?:\.cluster\.local)?)?$/.test(hostname)
}

const jwtRule = z
  .strictObject({
    issuer: text.describe('As the claim `iss` has it.'),
    audiences: z.array(text).max(64).default([]).describe('One must be in `aud`. Default: any.'),
    jwks: jwks.optional().describe('The public keys themselves.'),
    jwksUri: jwksUri.optional().describe('Where they are; fetched by each sidecar, and kept.'),
    fromHeaders: z
      .array(z.strictObject({ name: headerName, prefix: z.string().max(64).default('') }))
      .max(8)
      .default([])
      .describe('Default, without fromParams: `Authorization` with the prefix `Bearer `.'),
    fromParams: z.array(claimName).max(8).default([]).describe('Parameters of the query.'),
    forward: z.boolean().default(false).describe('Whether the application gets the token.'),
    outputClaimToHeaders: z
      .array(
        z.strictObject({
          header: headerName.refine(
            name => reservedReason(name) === undefined,
            'is a header of the sidecars themselves',
          ),
          claim: z
            .union([claimName, z.array(claimName).min(1).max(8)], 'must be the name of a claim')
            .transform(names => (typeof names === 'string' ? [names] : names)),
        }),
      )
      .max(32)
      .default([])
      .describe(
        'Claims that the application is told by headers; from callers these are not taken.',
      ),
  })
  .superRefine(({ jwks: keys, jwksUri: uri }, context) => {
    if ((keys === undefined) === (uri === undefined))
      context.addIssue({ code: 'custom', message: 'needs either jwks or jwksUri' })
  })

/** weft.dev/v1alpha1 RequestAuthentication: which tokens are believed, in the sense of Istio's. */
export const requestAuthenticationKind = z.strictObject({
  apiVersion: z.literal('weft.dev/v1alpha1'),
  kind: z.literal('RequestAuthentication'),
  metadata: metadata(objectName),
  spec: z
    .strictObject({
      ...policyTarget,
      jwtRules: z.array(jwtRule).max(32).describe('Without any no token is believed.'),
    })
    .superRefine(checkPolicyTarget),
  status,
})

export type RequestAuthenticationResource = z.output<typeof requestAuthenticationKind>
