import { fieldsOf } from '../../base/fields.ts'
import { authorizationActions } from '../policy/authorization.ts'
import { pathNormalizations } from '../policy/path-normalization.ts'

type Report = (path: string, message: string) => void
type Fields = Readonly<Record<string, unknown>>

const actions: readonly unknown[] = authorizationActions
const normalizations: readonly unknown[] = [
  undefined,
  ...pathNormalizations.filter(mode => mode !== 'none'),
]
const textLists = {
  from: [
    'principals',
    'notPrincipals',
    'namespaces',
    'notNamespaces',
    'serviceAccounts',
    'notServiceAccounts',
  ],
  to: ['methods', 'notMethods', 'paths', 'notPaths'],
  when: ['claim', 'values', 'notValues'],
} as const
/** All fields of a part of a rule. One that this sidecar does not know could be what makes the rule narrow. */
const ruleFields: Readonly<Record<keyof typeof textLists, readonly string[]>> = {
  from: textLists.from,
  to: [...textLists.to, 'ports', 'notPorts'],
  when: [...textLists.when, 'header'],
}

const policyFields = ['name', 'action', 'dryRun', 'ports', 'rules']
const jwtRuleFields = [
  'policy',
  'ports',
  'issuer',
  'audiences',
  'jwks',
  'jwksUri',
  'fromHeaders',
  'fromParams',
  'forward',
  'outputClaimToHeaders',
]
const rateLimitFields = ['name', 'ports', 'quota', 'key', 'match', 'overrides']

/** Whether a sidecar can work by the policies of a snapshot. One that it can't must not be dropped silently. */
export function checkInboundPolicies(inbound: Fields, report: Report): void {
  const { authorization = [], authentication, rateLimits = [], pathNormalization } = inbound
  const { tcpPorts = [] } = inbound
  const { ports, rules } = fieldsOf(authentication)
  checkList(tcpPorts, 'inbound.tcpPorts', report, Number.isInteger)
  each(authorization, 'inbound.authorization', report, checkPolicy)
  if (authentication !== undefined) {
    checkKnown(fieldsOf(authentication), ['ports', 'rules'], 'inbound.authentication', report)
    checkPorts(ports, 'inbound.authentication.ports', report)
    each(rules, 'inbound.authentication.rules', report, checkJwtRule)
  }
  each(rateLimits, 'inbound.rateLimits', report, checkRateLimit)
  if (!normalizations.includes(pathNormalization))
    report('inbound.pathNormalization', `unknown: ${JSON.stringify(pathNormalization)}`)
}

function checkPolicy(policy: Fields, path: string, report: Report): void {
  const { name, action, dryRun, ports, rules } = policy
  checkKnown(policy, policyFields, path, report)
  if (typeof name !== 'string') report(`${path}.name`, 'is missing')
  if (!actions.includes(action)) report(`${path}.action`, `unknown: ${JSON.stringify(action)}`)
  if (dryRun !== undefined && dryRun !== true) report(`${path}.dryRun`, 'must be true or absent')
  checkPorts(ports, `${path}.ports`, report)
  each(rules, `${path}.rules`, report, checkRule)
}

function checkRule(rule: Fields, path: string, report: Report): void {
  checkKnown(rule, Object.keys(ruleFields), path, report)
  for (const part of ['from', 'to', 'when'] as const) {
    if (rule[part] === undefined) continue
    checkFilled(rule[part], `${path}.${part}`, report, isRecord)
    each(rule[part], `${path}.${part}`, report, (element, at) => {
      checkKnown(element, ruleFields[part], at, report)
      for (const field of textLists[part])
        if (element[field] !== undefined)
          checkFilled(element[field], `${at}.${field}`, report, isText)
      for (const field of ['ports', 'notPorts'])
        checkPorts(element[field], `${at}.${field}`, report)
      if (part === 'when') checkCondition(element, at, report)
    })
  }
}

function checkCondition(
  { header, claim, values, notValues }: Fields,
  path: string,
  report: Report,
): void {
  if ((header === undefined) === (claim === undefined))
    report(path, 'needs either a header or a claim')
  if (header !== undefined && !isText(header)) report(`${path}.header`, 'is no text')
  if (values === undefined && notValues === undefined) report(path, 'needs values or notValues')
}

function checkJwtRule(rule: Fields, path: string, report: Report): void {
  const { policy, ports, issuer, jwks, jwksUri, forward } = rule
  checkKnown(rule, jwtRuleFields, path, report)
  for (const [field, value] of Object.entries({ policy, issuer }))
    if (!isText(value)) report(`${path}.${field}`, 'is no text')
  checkPorts(ports, `${path}.ports`, report)
  if ((jwks === undefined) === (jwksUri === undefined)) report(path, 'needs either jwks or jwksUri')
  if (jwks !== undefined && !Array.isArray(fieldsOf(jwks)['keys']))
    report(`${path}.jwks.keys`, 'is no list')
  if (jwksUri !== undefined && !(isText(jwksUri) && URL.canParse(jwksUri)))
    report(`${path}.jwksUri`, 'is no URL')
  if (typeof forward !== 'boolean') report(`${path}.forward`, 'is missing')
  for (const field of ['audiences', 'fromParams'])
    checkList(rule[field], `${path}.${field}`, report, isText)
  each(rule['fromHeaders'], `${path}.fromHeaders`, report, (header, at) => {
    if (!isText(header['name']) || !isText(header['prefix'])) report(at, 'needs name and prefix')
  })
  each(rule['outputClaimToHeaders'], `${path}.outputClaimToHeaders`, report, (output, at) => {
    if (!isText(output['header'])) report(`${at}.header`, 'is no text')
    checkFilled(output['claim'], `${at}.claim`, report, isText)
  })
}

const keyKinds: readonly unknown[] = ['none', 'caller', 'header']

function checkRateLimit(limit: Fields, path: string, report: Report): void {
  const { name, ports, quota, key, match, overrides } = limit
  checkKnown(limit, rateLimitFields, path, report)
  if (!isText(name)) report(`${path}.name`, 'is missing')
  checkPorts(ports, `${path}.ports`, report)
  checkQuota(quota, `${path}.quota`, report)
  const { kind, name: header } = fieldsOf(key)
  if (!keyKinds.includes(kind)) report(`${path}.key.kind`, `unknown: ${JSON.stringify(kind)}`)
  if (kind === 'header' && !isText(header)) report(`${path}.key.name`, 'is missing')
  if (isRecord(match)) checkMatch(match, `${path}.match`, report)
  else if (match !== undefined) report(`${path}.match`, 'is no object')
  each(overrides, `${path}.overrides`, report, (override, at) => {
    if (!isText(override['caller'])) report(`${at}.caller`, 'is missing')
    checkQuota(override['quota'], `${at}.quota`, report)
  })
}

function checkMatch(match: Fields, path: string, report: Report): void {
  checkKnown(match, ['methods', 'paths', 'headers'], path, report)
  for (const field of ['methods', 'paths'])
    if (match[field] !== undefined) checkFilled(match[field], `${path}.${field}`, report, isText)
  each(match['headers'] ?? [], `${path}.headers`, report, (header, at) => {
    if (!isText(header['name'])) report(`${at}.name`, 'is missing')
    checkFilled(header['values'], `${at}.values`, report, isText)
  })
}

function checkQuota(quota: unknown, path: string, report: Report): void {
  const fields = fieldsOf(quota)
  for (const field of ['requests', 'perMs', 'burst']) {
    const value = fields[field]
    if (typeof value !== 'number' || !(value > 0) || !Number.isFinite(value))
      report(`${path}.${field}`, 'must be positive')
  }
}

function checkKnown(fields: Fields, known: readonly string[], path: string, report: Report): void {
  for (const field of Object.keys(fields))
    if (!known.includes(field)) report(`${path}.${field}`, 'is not known to this sidecar')
}

function checkList(
  list: unknown,
  path: string,
  report: Report,
  holds: (element: unknown) => boolean,
): void {
  if (!Array.isArray(list) || !list.every(holds)) report(path, 'is no list of what it should hold')
}

/** Of an empty list one could think that it names nothing, or that it leaves nothing out. */
function checkFilled(
  list: unknown,
  path: string,
  report: Report,
  holds: (element: unknown) => boolean,
): void {
  if (Array.isArray(list) && list.length === 0) report(path, 'is empty')
  else checkList(list, path, report, holds)
}

function checkPorts(ports: unknown, path: string, report: Report): void {
  if (ports !== undefined) checkFilled(ports, path, report, Number.isInteger)
}

function each(
  list: unknown,
  path: string,
  report: Report,
  check: (element: Fields, path: string, report: Report) => void,
): void {
  if (!Array.isArray(list)) return report(path, 'is no list')
  for (const [index, element] of list.entries()) {
    const at = `${path}[${index}]`
    if (isRecord(element)) check(element, at, report)
    else report(at, 'is no object')
  }
}

function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}
