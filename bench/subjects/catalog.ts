import { limitHop, limitPair, limitPairHttp1 } from '../limits/limit.ts'
import { envoyHop, envoyPair, envoyPairHttp1 } from '../peers/envoy.ts'
import { haproxyHop, haproxyPair } from '../peers/haproxy.ts'
import { nginxHop } from '../peers/nginx.ts'
import { httpProxyHop, undiciHop } from '../peers/node.ts'
import type { Subject } from './subject.ts'
import {
  weftHop,
  weftHopAccessLog,
  weftPair,
  weftPairAccessLog,
  weftPairManyRoutes,
  weftPairPolicies,
} from './weft.ts'

/** In the order of the results. */
export const subjects: readonly Subject[] = [
  weftPair,
  weftPairAccessLog,
  weftPairPolicies,
  weftPairManyRoutes,
  envoyPair,
  envoyPairHttp1,
  haproxyPair,
  limitPair,
  limitPairHttp1,
  weftHop,
  weftHopAccessLog,
  envoyHop,
  haproxyHop,
  nginxHop,
  limitHop,
  undiciHop,
  httpProxyHop,
]
