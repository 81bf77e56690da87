import t from 'tap'
import { requestAuthenticationKind } from '../../../../src/model/kinds/request-authentication.ts'
import { checkFaults, checkTaken } from '../schemas.ts'

const key = { kty: 'EC', crv: 'P-256', x: 'a', y: 'b' }
const authentication = {
  apiVersion: 'weft.dev/v1alpha1',
  kind: 'RequestAuthentication',
  metadata: { name: 'tokens' },
  spec: { jwtRules: [{ issuer: 'https://a', jwks: { keys: [key] } }] },
}
const rule = 'spec.jwtRules.0'
const byUri = (jwksUri: string): object => ({ issuer: 'a', jwksUri })

t.test('every field has its bounds', async t => {
  checkFaults(t, requestAuthenticationKind, authentication, [
    ['spec.jwtRules', undefined, /expected array/],
    [rule, { issuer: 'a' }, /either jwks or jwksUri/],
    [rule, { ...byUri('https://a'), jwks: { keys: [key] } }, /either jwks or jwksUri/],
    [`${rule}.issuer`, '', />=1/],
    [`${rule}.jwks.keys`, [], />=1/],
    [`${rule}.jwks.keys.0`, { kty: 'oct', k: 'a' }, /public key/],
    [`${rule}.jwks.keys.0`, { ...key, d: 'a' }, /private key/],
    [rule, byUri('http://issuer.example.org/keys'), /must be https/, `${rule}.jwksUri`],
    [rule, byUri('http://169.254.169.254/keys'), /must be https/, `${rule}.jwksUri`],
    [rule, byUri('ftp://a/keys'), /no URL of http/, `${rule}.jwksUri`],
    [rule, byUri('keys'), /no URL of http/, `${rule}.jwksUri`],
    [rule, byUri('https://u:p@a/keys'), /password/, `${rule}.jwksUri`],
    [`${rule}.fromHeaders`, [{ name: 'Host' }], /no policy can see/, `${rule}.fromHeaders.0.name`],
    [
      `${rule}.outputClaimToHeaders`,
      [{ header: 'a', claim: 3 }],
      /name of a claim/,
      `${rule}.outputClaimToHeaders.0.claim`,
    ],
    [
      `${rule}.outputClaimToHeaders`,
      [{ header: 'X_Forwarded-Client-Cert', claim: 'sub' }],
      /of the sidecars themselves/,
      `${rule}.outputClaimToHeaders.0.header`,
    ],
  ])
  checkTaken(t, requestAuthenticationKind, authentication, [
    ['spec.jwtRules', []],
    [rule, byUri('https://issuer.example.org/keys')],
    [rule, byUri('http://127.0.0.1:8080/keys')],
    [rule, byUri('http://keycloak.auth:8080/keys')],
    [rule, byUri('http://keycloak.auth.svc.cluster.local/keys')],
    [`${rule}.fromHeaders`, [{ name: 'x-token', prefix: 'JWT ' }]],
    [`${rule}.outputClaimToHeaders`, [{ header: 'x-user', claim: ['a', 'b'] }]],
  ])
})
