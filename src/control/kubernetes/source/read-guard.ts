import { fieldsOf } from '../../../base/fields.ts'
import type { AuthorizationPolicyResource } from '../../../model/kinds/authorization-policy.ts'
import { headerName } from '../../../model/kinds/common.ts'
import type { RequestAuthenticationResource } from '../../../model/kinds/request-authentication.ts'
import { objectDocument } from '../../../model/parsing/object-document.ts'
import type { KubernetesObject } from '../api/kubernetes-object.ts'
import { nobody } from '../../compilation/authorization/authorization-compiler.ts'
import { listOf, pick } from '../status/fields.ts'
import { readOwn, type ApiKind } from './read-object.ts'
import type { WatchedObject } from './watched-object.ts'

type GuardResource = AuthorizationPolicyResource | RequestAuthenticationResource

/**
 * Of kinds that shut something. One that is not understood, perhaps since it is newer than this program, must not leave
 * open what it shuts: something stricter holds in its place, and its status says what is wrong.
 */
export function readGuard(api: ApiKind, object: KubernetesObject): WatchedObject<GuardResource> {
  const read = readOwn<GuardResource>(api, object)
  if (read.resource !== undefined) return read
  const { spec } = fieldsOf(object)
  const closed = closedSpec(api, fieldsOf(spec))
  if (closed === undefined) return read
  const replaced = (target: object): GuardResource | undefined => {
    const shut = { ...object, spec: { ...target, ...closed.spec } }
    return readOwn<GuardResource>(api, shut).resource
  }
  // Where the target is not clear either, it is for all that it could be for.
  const stricter = replaced(pick(spec, ['targetRef', 'selector'])) ?? replaced({})
  const resource = stricter && believingNobody(stricter, fieldsOf(spec)['jwtRules'])
  const told = objectDocument(read.title, {}).problem(['spec'], `until this is right ${closed.so}`)
  return { ...read, resource, problems: [...read.problems, told] }
}

/** Tokens are still looked for where they were, and what the application was told by headers no caller may tell it. */
function believingNobody(resource: GuardResource, rules: unknown): GuardResource {
  if (resource.kind !== 'RequestAuthentication') return resource
  const jwtRules = listOf(rules).map(rule => {
    const { fromHeaders, fromParams, outputClaimToHeaders } = fieldsOf(rule)
    return {
      ...nobody,
      fromHeaders: namesIn(fromHeaders, 'name').map(([name, { prefix }]) => ({
        name,
        prefix: typeof prefix === 'string' ? prefix : '',
      })),
      fromParams: listOf(fromParams).filter(name => typeof name === 'string'),
      outputClaimToHeaders: namesIn(outputClaimToHeaders, 'header').map(([header]) => ({
        header,
        claim: [],
      })),
    }
  })
  return { ...resource, spec: { ...resource.spec, jwtRules } }
}

/** The elements that name a header, as far as they can be read. */
function namesIn(list: unknown, field: string): [string, Readonly<Record<string, unknown>>][] {
  return listOf(list).flatMap(element => {
    const fields = fieldsOf(element)
    const { data: name } = headerName.safeParse(fields[field])
    return name === undefined ? [] : [[name, fields]]
  })
}

/** Undefined: it would refuse nothing. */
function closedSpec(
  { kind }: ApiKind,
  { action, dryRun }: Readonly<Record<string, unknown>>,
): { readonly spec: object; readonly so: string } | undefined {
  if (kind === 'RequestAuthentication')
    return { spec: { jwtRules: [] }, so: 'no token is believed where it holds' }
  if (action === 'audit' || dryRun === true) return undefined
  // What a `deny` refuses is not known, so it is everything. An `allow` could only have opened something.
  return action === 'deny'
    ? { spec: { action, rules: [{}] }, so: 'all calls are refused where it holds' }
    : { spec: { rules: [] }, so: 'it opens nothing, and what no other policy opens is shut' }
}
