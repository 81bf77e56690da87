import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import {
  containerEnvironment,
  ociConfig,
} from '../../../../../src/functions/runtime/oci/oci-bundle.ts'

const config = ociConfig({
  id: 'weft-1',
  image: '/srv/image',
  command: ['./bootstrap', 'arg'],
  directory: '/srv/code',
  environment: { A: '1', B: 'x=y' },
  memoryMib: 128,
  gate: '/state/weft-1/gate',
  hostFiles: ['/etc/hosts'],
})

t.test('a container runs the program in the code’s directory, with its environment', async t => {
  t.match(config, {
    ociVersion: '1.0.2',
    process: { args: ['./bootstrap', 'arg'], env: ['A=1', 'B=x=y'], cwd: '/var/task' },
    root: { path: '/srv/image', readonly: true },
  })
})

t.test('it has no rights, and gets none', async t => {
  t.match(config, {
    process: {
      user: { uid: 65_534, gid: 65_534 },
      noNewPrivileges: true,
      capabilities: { bounding: [], effective: [], inheritable: [], permitted: [], ambient: [] },
    },
  })
})

t.test('its limits are those of the function and of Lambda', async t => {
  t.match(config, {
    process: {
      rlimits: [
        { type: 'RLIMIT_NOFILE', hard: 1024 },
        { type: 'RLIMIT_CORE', hard: 0 },
      ],
    },
    linux: {
      cgroupsPath: '/weft/weft-1',
      resources: { memory: { limit: 134_217_728 }, pids: { limit: 1024 } },
    },
  })
})

t.test('loopback is ours, and all else its own', async t => {
  const { linux } = config as { linux: { namespaces: { type: string }[] } }
  t.same(
    linux.namespaces.map(({ type }) => type),
    ['pid', 'mount', 'ipc', 'uts'],
  )
})

t.test('what of our disk it sees, it can’t change', async t => {
  const { mounts } = config as {
    mounts: { source: string; destination: string; type: string; options: string[] }[]
  }
  const ours = mounts.filter(({ source }) => source.startsWith('/'))
  t.same(
    ours.map(({ source, destination }) => [source, destination]),
    [
      ['/srv/code', '/var/task'],
      ['/etc/hosts', '/etc/hosts'],
    ],
  )
  for (const { options } of ours) t.ok(options.includes('ro'))
  t.notOk(mounts.some(({ type }) => type === 'sysfs' || type === 'cgroup'))
})

t.test('nothing runs without the right word at the gate', async t => {
  const { hooks } = config as { hooks: { createRuntime: { path: string; args: string[] }[] } }
  const { path = '', args = [] } = hooks.createRuntime[0] ?? {}
  t.equal(args.at(-1), '/state/weft-1/gate')
  const gate = t.testdir({ word: 'go\n', other: 'gone\n', none: '' })
  const outcome = (file: string): number | null =>
    spawnSync(path, [...args.slice(1, -1), join(gate, file)], { argv0: 'sh' }).status
  t.equal(outcome('word'), 0)
  for (const file of ['other', 'none']) t.not(outcome(file), 0)
})

t.test('paths in the environment are the container’s, unless they were configured', async t => {
  const environment = { PATH: '/ours', HOME: '/root', A: '1', LAMBDA_TASK_ROOT: '/srv/code' }
  t.match(containerEnvironment(environment, {}), {
    PATH: /^\/usr\/local\/bin:/,
    HOME: '/tmp',
    A: '1',
    LAMBDA_TASK_ROOT: '/var/task',
  })
  const configured = { PATH: '/opt', LAMBDA_TASK_ROOT: '/other' }
  t.match(containerEnvironment({ ...environment, ...configured }, configured), {
    PATH: '/opt',
    HOME: '/tmp',
    LAMBDA_TASK_ROOT: '/var/task',
  })
})
