// The rules of transparent mode, in a network namespace of the test's own.
import { execFileSync, spawnSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import t from 'tap'

const main = resolve(import.meta.dirname, '../../src/main.ts')
const weft = `'${process.execPath}' '${main}' init`

function obstacle(): string | false {
  if (process.getuid?.() !== 0) return 'needs root for a network namespace'
  const tools = ['unshare', 'iptables-save', 'setpriv']
  const missing = tools.filter(tool => spawnSync('which', [tool]).status !== 0)
  return missing.length > 0 && `needs ${missing.join(', ')} (Debian: iptables, util-linux)`
}

/** What `script` prints within a fresh namespace. */
function inNamespace(script: string): string {
  return execFileSync('unshare', ['--net', 'bash', '-euc', script], { encoding: 'utf8' })
}

function withoutComments(table: string): string {
  return table.replaceAll(/^#.*\n/gm, '')
}

const skip = obstacle()

t.test(
  'init twice is as once, undo leaves nothing, and others keep their rules',
  { skip },
  async t => {
    const save = 'iptables-save -t nat; ip6tables-save -t nat; echo ====='
    const printed = inNamespace(`
    iptables -t nat -A OUTPUT -p tcp -d 192.0.2.1 -j ACCEPT
    ${save}
    ${weft} --uid 1337 --dns --exclude-cidrs 10.0.0.0/8,fd00::/8
    ${save}
    ${weft} --uid 1337 --dns --exclude-cidrs 10.0.0.0/8,fd00::/8
    ${save}
    ${weft} --undo
    ${weft} --undo
    ${save}`)
    const [before, once, twice, after] = withoutComments(printed).split('=====\n')
    t.match(once, '-A WEFT_OUTPUT -m owner --uid-owner 1337 -j RETURN')
    t.match(once, '-A WEFT_OUTPUT -d fd00::/8 -j RETURN')
    t.equal(once, twice)
    t.equal(before, after)
  },
)

t.test('a dry run prints the rules and changes nothing', { skip }, async t => {
  const printed = inNamespace(`${weft} --uid 1337 --dry-run; echo =====; iptables-save -t nat`)
  const [plan, table] = printed.split('=====\n')
  t.match(plan, /# IPv4\n\*nat\n(?:.*\n)*COMMIT\n/)
  t.notMatch(table, 'WEFT')
})

t.test(
  'without privilege one line says what is missing, and what needs none',
  { skip },
  async t => {
    const command = [
      '--reuid',
      '65534',
      '--clear-groups',
      process.execPath,
      main,
      'init',
      '--uid',
      '1',
    ]
    const { status, stderr } = spawnSync('setpriv', command, {
      encoding: 'utf8',
      // Without what the test runner adds to every Node, which writes files.
      env: { PATH: process.env['PATH'] },
    })
    t.equal(status, 1)
    t.match(
      stderr,
      /^iptables-save needs root, or the capabilities NET_ADMIN.*explicit mode and DNS mode.*\n/,
    )
  },
)

t.test('without iptables one line says what to install', async t => {
  const env = { PATH: join(import.meta.dirname, 'nowhere') }
  const { status, stderr } = spawnSync(process.execPath, [main, 'init', '--uid', '1'], {
    encoding: 'utf8',
    env,
  })
  t.equal(status, 1)
  t.match(stderr, /^iptables-save is not here: install the package iptables.*explicit mode.*\n$/)
})
