import { isSecure } from '../../base/secure-origin.ts'
import type { RemoteBackendSettings } from './function-placement.ts'

/** What can't work, or would not be safe, for the check of a configuration. */
export function backendProblems(settings: RemoteBackendSettings): string[] {
  const url = settings.kind === 'aws-lambda' ? settings.endpoint : settings.url
  if (settings.kind === 'aws-lambda' && !/^[a-z0-9-]{1,40}$/.test(settings.region))
    return ['its region is no region of AWS']
  if (url === undefined) return []
  const parsed = URL.parse(url)
  if (parsed === null) return [`${url} is no URL`]
  const problems: string[] = []
  if (!isSecure(parsed.origin, settings.allowPlainHttp))
    problems.push('only https is allowed, unless allowPlainHttp is set')
  if (parsed.username !== '' || parsed.password !== '')
    problems.push('its URL must not hold a password; name a file that does')
  // Of a query we would not know where the caller's begins; a key in it would stand in logs.
  if (parsed.search !== '') problems.push('its URL must not have a query; a key goes into keyFile')
  return problems
}
