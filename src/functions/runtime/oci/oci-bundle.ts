/** Where AWS Lambda has a function's code, and its containers here too. */
export const taskRoot = '/var/task'

export interface BundleOptions {
  /** Of the container, and last part of its cgroup's path. */
  readonly id: string
  /** Directory of the root file system. */
  readonly image: string
  readonly command: readonly string[]
  /** Of the code, on our disk. */
  readonly directory: string
  readonly environment: Readonly<Record<string, string>>
  readonly memoryMib: number
  /** FIFO at which the container waits for the word {@link go} before its program runs. */
  readonly gate: string
  /** Files of ours that the container sees at the same path. */
  readonly hostFiles: readonly string[]
}

export const go = 'go'
/** Any other word. */
export const stay = 'stay'

/** Nobody, on all systems. */
const user = { uid: 65_534, gid: 65_534 }

/** What a function of AWS Lambda may have open, and may run (docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html). */
const maxFiles = 1024
const maxProcesses = 1024
const temporaryMib = 512

/** Through these a process learns of the machine, or changes it, whatever its rights. */
const maskedPaths = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
]
const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']

export function cgroupPath(id: string): string {
  return `/weft/${id}`
}

/**
 * The `config.json` of a container (OCI runtime specification 1.0): code and root file system can't be written, the
 * user has no rights, and gets none. The network is ours: the Runtime API listens on loopback. So is the cgroup
 * namespace, and there is no `/sys`: not every machine lets containers have their own.
 */
export function ociConfig(options: BundleOptions): object {
  const { id, image, command, environment, memoryMib, gate } = options
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user,
      args: command,
      env: Object.entries(environment).map(([name, value]) => `${name}=${value}`),
      cwd: taskRoot,
      noNewPrivileges: true,
      capabilities: { bounding: [], effective: [], inheritable: [], permitted: [], ambient: [] },
      rlimits: [
        { type: 'RLIMIT_NOFILE', soft: maxFiles, hard: maxFiles },
        { type: 'RLIMIT_CORE', soft: 0, hard: 0 },
      ],
    },
    root: { path: image, readonly: true },
    hostname: 'function',
    mounts: mountsOf(options),
    hooks: { createRuntime: [gateKeeper(gate)] },
    linux: {
      namespaces: ['pid', 'mount', 'ipc', 'uts'].map(type => ({ type })),
      cgroupsPath: cgroupPath(id),
      resources: {
        memory: { limit: memoryMib * 1024 * 1024 },
        pids: { limit: maxProcesses },
        devices: [{ allow: false, access: 'rwm' }],
      },
      maskedPaths,
      readonlyPaths,
    },
  }
}

/**
 * `runc create` and `runc start` would also part making from running, but then the program is nobody's child and its
 * exit code nobody's. Without the word, as when we have died, nothing runs.
 */
function gateKeeper(gate: string) {
  const script = `read -r word < "$1" && [ "$word" = ${go} ]`
  return { path: '/bin/sh', args: ['sh', '-c', script, 'sh', gate] }
}

function mountsOf({ directory, hostFiles }: BundleOptions): object[] {
  const quiet = ['nosuid', 'nodev', 'noexec']
  const tmpfs = (destination: string, ...options: string[]) => ({
    destination,
    type: 'tmpfs',
    source: 'tmpfs',
    options: ['nosuid', ...options],
  })
  const bind = (source: string, destination: string) => ({
    destination,
    type: 'bind',
    source,
    options: ['rbind', 'ro', 'nosuid', 'nodev'],
  })
  return [
    { destination: '/proc', type: 'proc', source: 'proc', options: quiet },
    tmpfs('/dev', 'noexec', 'strictatime', 'mode=755', 'size=64k'),
    tmpfs('/dev/shm', 'nodev', 'noexec', 'mode=1777', 'size=64m'),
    // runc gives it the mode of the image's directory, whatever stands here: so that its owner matters.
    tmpfs(
      '/tmp',
      'nodev',
      'mode=1777',
      `uid=${user.uid}`,
      `gid=${user.gid}`,
      `size=${temporaryMib}m`,
    ),
    bind(directory, taskRoot),
    ...hostFiles.map(file => bind(file, file)),
  ]
}

/** What stands in an environment for our disk stands there for the container's, unless it was configured. */
export function containerEnvironment(
  environment: Readonly<Record<string, string>>,
  configured: Readonly<Record<string, string>>,
): Record<string, string> {
  const ours = Object.entries(containerPaths).filter(([name]) => !(name in configured))
  return { ...environment, ...Object.fromEntries(ours), LAMBDA_TASK_ROOT: taskRoot }
}

const containerPaths = {
  PATH: '/usr/local/bin:/usr/bin:/bin:/opt/bin:/usr/local/sbin:/usr/sbin:/sbin',
  HOME: '/tmp',
  TMPDIR: '/tmp',
}
