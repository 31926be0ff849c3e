import { InvalidConfigError, NixError } from '@microsandbox/types';
import type { NetworkNatives, NetworkStack } from './network.ts';
import { reasonOf } from './reason-of.ts';

/** Wraps the network functions of the addon so that each failure is one of this project's errors. */
export function networkWithCodedErrors(native: NetworkNatives): NetworkNatives {
  return {
    networkAddresses: (request) => checked(() => native.networkAddresses(request)),
    evaluatePolicy: (policy, question, context) =>
      checked(() => native.evaluatePolicy(policy, question, context)),
    startNetwork: (options, onEvents) => {
      // Two announcements can meet in one batch; the second finds nothing.
      const deliver: typeof onEvents = (events) => events.length > 0 && onEvents(events);
      return stackOf(checked(() => native.startNetwork(options, deliver)));
    },
  };
}

function stackOf(native: NetworkStack): NetworkStack {
  return {
    close: (stream) => native.close(stream),
    reset: (stream) => native.reset(stream),
    splice: (stream) => native.splice(stream),
    respond: (query, response, inserts) => checked(() => native.respond(query, response, inserts)),
    insertHostnames: (inserts) => checked(() => native.insertHostnames(inserts)),
    hostnamesOf: (address) => checked(() => native.hostnamesOf(address)),
    evaluate: (question, report) => checked(() => native.evaluate(question, report)),
    setPolicy: (policy) => checked(() => native.setPolicy(policy)),
    publish: (port) => {
      try {
        return native.publish(port);
      } catch (cause) {
        const { hostBind, hostPort, protocol } = port;
        throw new NixError(`cannot publish ${hostBind} port ${hostPort}/${protocol}: ${reasonOf(cause)}`, {
          cause,
        });
      }
    },
    counters: () => native.counters(),
    stop: () => native.stop(),
  };
}

/** Everything else that these functions refuse is a value that the caller gave. */
function checked<T>(call: () => T): T {
  try {
    return call();
  } catch (cause) {
    throw new InvalidConfigError(reasonOf(cause), { cause });
  }
}
