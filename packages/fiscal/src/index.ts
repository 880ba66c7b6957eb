/** Fiscal receipts: FFD documents, the exchange with the operator of fiscal data, devices. */
// ── FFD ──
export { crc16 } from './crc16.ts';
export { decodeHex, HEX_FORMATS, hexFormats } from './decode-hex.ts';
export {
  FiscalError,
  type FiscalErrorCode,
  KKT_ADVICE,
  KktError,
  type KktErrorCode,
  type ReceiptProblem,
  type ReceiptProblemCode,
} from './errors.ts';
export { decodeText, encodeText, printableText } from './ffd/cp866.ts';
export { definitionOf, formOf, placeOf, placesIn, type TagPlace } from './ffd/dictionary.ts';
export {
  type DecodeOptions,
  decodeDocument,
  decodeTagList,
  encodeDocument,
  encodeNodes,
  encodeTag,
  encodeTags,
  type FfdDocument,
  findTag,
} from './ffd/document.ts';
export { checkTags, type TagFinding } from './ffd/document-check.ts';
export { DOCUMENT_BYTES_MAX, type DocumentForm } from './ffd/document-forms.ts';
export { documentJson, type Json, tagsJson } from './ffd/document-json.ts';
export {
  type AgentKind,
  agentKinds,
  type SettlementKind,
  type SettlementMethod,
  type SettlementSubject,
  settlementKinds,
  settlementMethods,
  settlementSubjects,
  type TaxSystem,
  taxSystems,
  unitMeasures,
} from './ffd/enumerations.ts';
export { isInn } from './ffd/inn.ts';
export { subjectCode } from './ffd/item-check.ts';
export { isWithinOneKopeck, itemsOfLine, type LineShare } from './ffd/line-items.ts';
export { isMarkingCode, nomenclatureCode, productCodeTag } from './ffd/product-code.ts';
export { type QrReceipt, receiptQr } from './ffd/qr.ts';
export type {
  Buyer,
  Correction,
  ItemAgent,
  ItemMarking,
  Original,
  OriginalLine,
  Receipt,
  ReceiptDevice,
  ReceiptItem,
  ReceiptPayments,
} from './ffd/receipt.ts';
export { checkReceipt, paymentSums } from './ffd/receipt-check.ts';
export {
  type ComposedReceipt,
  type Composition,
  composeReceipt,
  RECEIPT_BYTES_MAX,
} from './ffd/receipt-tags.ts';
export { receiptTotal } from './ffd/receipt-total.ts';
export { type SettlementCounters, type ShiftCounters, shiftCounters } from './ffd/shift-counters.ts';
export {
  type Decimal,
  FFD_VERSION_CODES,
  type FfdVersion,
  ffdVersions,
  isVersionAtLeast,
  type TagDefinition,
  type TagInput,
  type TagNode,
  type TagType,
  type TagValue,
} from './ffd/tag.ts';
export { formatSign, printedSign } from './ffd/tag-value.ts';
export { isVatKnown, isVatValidOn, type VatSum, vatColumns, vatSums } from './ffd/vat-tags.ts';
export { dayOfSeconds, formatWallTime, secondsOfDay, secondsOfWallTime } from './ffd/wall-time.ts';
export { bytesOfHex, hexOfBytes } from './hex.ts';
// ── KKT ──
export { type AtolCall, type HttpAtolOptions, httpAtolCall } from './kkt/atol/call.ts';
export { AtolDriver, type AtolOptions } from './kkt/atol/driver.ts';
export type { OpenLine } from './kkt/byte-line.ts';
export type {
  FiscalMark,
  FnDocument,
  KktDriver,
  KktIdentity,
  KktStatus,
  OfdQueue,
} from './kkt/driver.ts';
export { AtolServer } from './kkt/emulator/atol-server.ts';
export { type FaultRule, parseFaults } from './kkt/emulator/faults.ts';
export { markOfStored } from './kkt/emulator/fiscal-storage.ts';
export { type EmulatorJson, type EmulatorOptions, KktEmulator } from './kkt/emulator/kkt-emulator.ts';
export { PiritServer } from './kkt/emulator/pirit-server.ts';
export { type EmulatorServer, ShtrihServer } from './kkt/emulator/shtrih-server.ts';
export { type JobDocument, type JobJournal, runJob } from './kkt/job.ts';
export type { Expectation } from './kkt/job-evidence.ts';
export { newJob, resumeJob } from './kkt/job-state.ts';
export type { JobIntent, JobOrder, JobOutcome, JobRecord, JobState } from './kkt/job-types.ts';
export { withMark } from './kkt/node-mark.ts';
export { PiritDriver, type PiritOptions } from './kkt/pirit/driver.ts';
export { serialLine } from './kkt/serial-line.ts';
export { ShtrihDriver } from './kkt/shtrih/driver.ts';
export { tcpLine } from './kkt/tcp-line.ts';
// ── OFD ──
export {
  type Acknowledgement,
  type DocumentKey,
  OPERATOR_MESSAGES,
  type OutgoingMessage,
  readAcknowledgement,
  readAnswerTo,
  readOutgoing,
  type Ticket,
} from './ofd/acknowledgement.ts';
export {
  type Container,
  type ContainerHeader,
  type ContainerOptions,
  decodeContainer,
  decodeContainerHeader,
  encodeContainer,
} from './ofd/container.ts';
export { MockOfd, type MockOfdOptions } from './ofd/mock-ofd.ts';
export {
  FAKE_OPERATOR_SIGN,
  isFakeSign,
  type LedgerEntry,
  MockOperator,
  type MockOperatorOptions,
  type MockOperatorState,
  type OfdBehaviour,
  type OfdRule,
} from './ofd/mock-operator.ts';
export {
  type FnMessagePort,
  type OfdLink,
  OfdPump,
  type OfdPumpOptions,
  type PumpPause,
  type PumpReport,
  type PumpStatus,
} from './ofd/pump.ts';
export { MESSAGE_BYTES_MAX, type Offer, type TicketVerdict } from './ofd/pump-state.ts';
export {
  decodeSession,
  decodeSessionHeader,
  encodeSession,
  type SessionHeader,
  type SessionOptions,
} from './ofd/session-header.ts';
export { SessionReader } from './ofd/session-reader.ts';
export { type TcpLinkOptions, tcpOfdLink } from './ofd/tcp-link.ts';
