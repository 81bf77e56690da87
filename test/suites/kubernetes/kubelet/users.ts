import type { Container, PodSpec, SecurityContext } from '../cluster/objects.ts'

export const uids = { weft: 1337, application: 1000 } as const

/** What an engine leaves to a container whose pod says nothing (containerd's default). */
const usual = [
  'audit_write',
  'chown',
  'dac_override',
  'fowner',
  'fsetid',
  'kill',
  'mknod',
  'net_bind_service',
  'net_raw',
  'setfcap',
  'setgid',
  'setpcap',
  'setuid',
  'sys_chroot',
]

export interface User {
  readonly uid: number
  readonly gid: number
}

/** @throws when the pod forbids what its image wants, as the kubelet refuses it. */
export function userOf(spec: PodSpec, container: Container, imageUser: number): User {
  const context: SecurityContext = { ...spec.securityContext, ...container.securityContext }
  const uid = context.runAsUser ?? imageUser
  if (context.runAsNonRoot === true && uid === 0)
    throw new Error('container has runAsNonRoot and image will run as root')
  return { uid, gid: context.runAsGroup ?? (uid === 0 ? 0 : uid) }
}

/** The start of a command line that gives up what the container must not have. */
export function privilegesOf(user: User, spec: PodSpec, container: Container): string[] {
  const context = container.securityContext ?? {}
  const groups = [spec.securityContext?.fsGroup].filter(group => group !== undefined)
  const options = [
    `--reuid=${user.uid}`,
    `--regid=${user.gid}`,
    groups.length > 0 ? `--groups=${groups.join(',')}` : '--clear-groups',
    '--inh-caps=-all',
  ]
  if (context.privileged !== true)
    options.push(`--bounding-set=${['-all', ...capabilitiesOf(context)].join(',')}`)
  if (context.allowPrivilegeEscalation === false) options.push('--no-new-privs')
  return ['/usr/bin/setpriv', ...options, '--']
}

function capabilitiesOf({ capabilities = {} }: SecurityContext): string[] {
  const lower = (names: readonly string[] = []): string[] => names.map(name => name.toLowerCase())
  const drop = lower(capabilities.drop)
  const kept = drop.includes('all') ? [] : usual.filter(name => !drop.includes(name))
  return Array.from(new Set([...kept, ...lower(capabilities.add)]), name => `+${name}`)
}
