/** S-9: how the node or relay on this machine is: lag, backlog, clock, disk, and why. */
import type { Command } from 'commander';
import { type CommandContext, dataCommand } from '../command-context.ts';
import { ageWords, bytesWords, table } from '../output.ts';
import { type ProgramState, readProgramState } from '../program-state.ts';
import { RunningProgram } from '../running-program.ts';

/** Feeds of one peer in words; the JSON has more. */
const LAGGING_FEEDS_SHOWN_MAX = 10;

export function statusCommand(context: CommandContext): Command {
  return dataCommand('status', 'this node or relay: lag, backlog, clock, disk', context).action(
    async ({ data }: { data: string }, command: Command) => {
      const chain = await RunningProgram.findBelow(data);
      if (chain.length > 0) {
        const all = await Promise.all(
          chain.map(async (program) => ({
            url: program.url,
            pid: program.pid,
            ...(await readProgramState(program)),
          })),
        );
        context
          .output(command)
          .result({ programs: all }, () =>
            all.map((each) => `${each.url}, process ${each.pid}\n${stateWords(each)}`).join('\n\n'),
          );
        return;
      }
      const program = await RunningProgram.require(data);
      const state = await readProgramState(program);
      const { url, pid } = program;
      context
        .output(command)
        .result({ url, pid, ...state }, () => `${url}, process ${pid}\n${stateWords(state)}`);
    },
  );
}

function stateWords(state: ProgramState): string {
  const ready = state.ready.ready ? 'ready' : `NOT READY: ${state.ready.reasons.join('; ')}`;
  return state.kind === 'relay' ? relayWords(state, ready) : nodeWords(state, ready);
}

function relayWords({ fleet: { relay, branches } }: ProgramState & { kind: 'relay' }, ready: string): string {
  const rows = branches.map((row) => [
    `${row.branch}${row.nodeLetter}`,
    row.state,
    row.lastContact ?? '-',
    String(row.lag.entriesThere),
    String(row.lag.entriesHere),
    behind(row.lag.seconds),
  ]);
  return [
    `relay of ${relay.tenant}, ${ready}; ${relay.feeds} feeds, ${relay.connections} connections, ` +
      `${bytesWords(relay.disk.freeBytes)} free`,
    table(['branch', 'state', 'last contact', 'not there', 'not here', 'behind'], rows),
  ].join('\n');
}

function behind(seconds: number): string {
  return seconds > 0 ? ageWords(seconds) : '-';
}

function nodeWords({ sync }: ProgramState & { kind: 'node' }, ready: string): string {
  const unsent =
    sync.unsentEntries === 0
      ? 'nothing waits to be sent'
      : `${sync.unsentEntries} entries wait, the oldest for ${ageWords((sync.oldestUnsentAgeMs ?? 0) / 1000)}`;
  const rows = sync.peers.map((peer) => [
    peer.peer,
    peer.state,
    peer.lastContactAt ?? '-',
    String(peer.missingThere),
    String(peer.missingHere),
    behind(peer.behindSeconds),
    peer.cause,
  ]);
  const lagging = sync.peers.flatMap(({ peer, feeds }) =>
    feeds
      .filter(({ missingHere, missingThere }) => missingHere + missingThere > 0)
      .slice(0, LAGGING_FEEDS_SHOWN_MAX)
      .map(({ feed, missingThere, missingHere, behindSeconds }) => [
        peer,
        feed,
        String(missingThere),
        String(missingHere),
        behind(behindSeconds),
      ]),
  );
  const disk = sync.disk === undefined ? '' : `; ${bytesWords(sync.disk.freeBytes)} free`;
  return [
    `node ${sync.node} of ${sync.branch} (${sync.tenant}), ${ready}; mode ${sync.mode}; ${unsent}${disk}`,
    table(['peer', 'state', 'last contact', 'not there', 'not here', 'behind', 'cause'], rows),
    ...(lagging.length === 0 ? [] : [table(['peer', 'feed', 'not there', 'not here', 'behind'], lagging)]),
    ...sync.alarms.map((alarm) => `ALARM ${alarm.at} ${alarm.code}: ${alarm.detail}`),
  ].join('\n');
}
