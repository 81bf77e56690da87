import { fieldsOf } from '../../../base/fields.ts'
import type { AuthorizationPolicyResource } from '../../../model/kinds/authorization-policy.ts'
import type { RequestAuthenticationResource } from '../../../model/kinds/request-authentication.ts'
import { objectDocument } from '../../../model/parsing/object-document.ts'
import type { KubernetesObject } from '../api/kubernetes-object.ts'
import { pick } from '../status/fields.ts'
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
    const stricter = { ...object, spec: { ...target, ...closed.spec } }
    return readOwn<GuardResource>(api, stricter).resource
  }
  // Where the target is not clear either, it is for all that it could be for.
  const resource = replaced(pick(spec, ['targetRef', 'selector'])) ?? replaced({})
  const told = objectDocument(read.title, {}).problem(['spec'], `until this is right ${closed.so}`)
  return { ...read, resource, problems: [...read.problems, told] }
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
