import { createHash, createHmac } from 'node:crypto'
import type { SessionPersistenceFields } from '../../../model/kinds/routes/session-persistence.ts'
import { literalElements } from '../../../model/pattern/pattern-start.ts'
import type { Route, RouteMatch } from '../../../model/route.ts'
import type { SessionPersistence } from '../../../model/policy/session-persistence.ts'

/** Of a Service's port, for tokens that are good there only. base64url. */
export function deriveSessionKey(secret: string, service: string): string {
  return createHmac('sha256', secret).update(service).digest('base64url')
}

/** What a sidecar is told of the session persistence of a rule, for one of its matches. */
export function compileSession(
  fields: SessionPersistenceFields | undefined,
  { name: routeName, match }: Pick<Route, 'name'> & { readonly match: RouteMatch },
  key: string,
): SessionPersistence | undefined {
  if (fields === undefined) return undefined
  const { type, sessionName, absoluteTimeout, idleTimeout, cookieConfig } = fields
  const name = sessionName ?? defaultName(routeName)
  return {
    type: type === 'Cookie' ? 'cookie' : 'header',
    name: type === 'Cookie' ? name : name.toLowerCase(),
    path: cookiePath(match.path),
    key,
    ...(absoluteTimeout !== undefined && { absoluteTimeoutMs: absoluteTimeout }),
    ...(idleTimeout !== undefined && { idleTimeoutMs: idleTimeout }),
    ...(cookieConfig?.lifetimeType === 'Permanent' && { permanent: true }),
  }
}

/** GEP-1619: a rule that gives none has one of its own. */
function defaultName(route: string): string {
  return `weft-session-${createHash('sha256').update(route).digest('hex').slice(0, 8)}`
}

/** GEP-1619: the path that was matched; of a regular expression its longest start that is none. */
function cookiePath(path: RouteMatch['path']): string {
  if (path === undefined) return '/'
  const found = path.kind === 'regex' ? literalElements(path.value) : path.value.replace(/\/$/, '')
  // RFC 6265 §4.1.1: a semicolon would end the attribute.
  return found.startsWith('/') && !found.includes(';') ? found : '/'
}
