import t from 'tap'
import { murmur3, spread } from '../../../../src/balancing/hashing/murmur3.ts'

t.test('it is MurmurHash3_x86_32', async t => {
  // Vectors of the reference implementation's users (Guava, scikit-learn, Wikipedia "MurmurHash").
  t.equal(murmur3(''), 0)
  t.equal(murmur3('', 1), 0x514e28b7)
  t.equal(murmur3('', 0xffffffff), 0x81f16f39)
  t.equal(murmur3('test'), 0xba6bd213)
  t.equal(murmur3('test', 0x9747b28c), 0x704b81dc)
  t.equal(murmur3('Hello, world!', 0x9747b28c), 0x24884cba)
  t.equal(murmur3('The quick brown fox jumps over the lazy dog', 0x9747b28c), 0x2fa826cd)
})

t.test('its finalizer keeps 0 and spreads everything else', async t => {
  t.equal(spread(0), 0)
  t.equal(new Set(Array.from({ length: 1000 }, (_, bits) => spread(bits) >>> 22)).size > 600, true)
})
