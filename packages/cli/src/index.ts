export { changeRules, prometheusConfig, readRuleFiles, writeAlarmFiles } from './alarm-files.ts';
export { CliError, type CliErrorCode } from './errors.ts';
export type { CliPorts, TextSink } from './ports.ts';
export { runProgram } from './program.ts';
