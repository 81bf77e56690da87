import t from 'tap'
import { parseCpuMs, parseRssBytes } from '../../../../bench/measure/process-stat.ts'

t.test('CPU time is user plus system time, whatever the name of the command', async t => {
  const fields = 'S 1 2 2 0 -1 4194304 900 0 0 0 137 63 5 5 20 0 7 0 12345 1000000 5000'
  t.equal(parseCpuMs(`4242 (node) ${fields}\n`), 2000)
  t.equal(parseCpuMs(`4242 (a) b (c d) ${fields}\n`), 2000)
})

t.test('resident memory is given in bytes', async t => {
  t.equal(parseRssBytes('VmHWM:\t  70000 kB\nVmRSS:\t   64512 kB\nThreads:\t7\n'), 64_512 * 1024)
})

t.test('a process without memory of its own, as a zombie, has none', async t => {
  t.equal(parseRssBytes('State:\tZ (zombie)\n'), 0)
})
