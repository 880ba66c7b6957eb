/**
 * Every tag of the fiscal data format: number, type, largest length, name. Data, nothing else.
 *
 * Names are the keys of the JSON form that operators of fiscal data and the tax service use. A tag whose meaning changed
 * with the format has a row per meaning, newest first, with the versions it belongs to.
 */
import type { FfdVersion, TagType } from './tag.ts';

export interface TagRow {
  readonly tag: number;
  readonly type: TagType;
  readonly max: number;
  readonly name: string;
  readonly isFixed?: true;
  readonly isRepeatable?: true;
  readonly only?: readonly FfdVersion[];
}

const V10 = ['1.0'] as const;
const FROM_105 = ['1.05', '1.1', '1.2'] as const;

const byte = (tag: number, name: string): TagRow => ({ tag, type: 'byte', max: 1, name });
const bits = (tag: number, name: string, max = 1): TagRow => ({ tag, type: 'bits', max, name });
const u32 = (tag: number, name: string): TagRow => ({ tag, type: 'u32', max: 4, name, isFixed: true });
const time = (tag: number, name: string): TagRow => ({ tag, type: 'time', max: 4, name, isFixed: true });
const sum = (tag: number, name: string, max = 6): TagRow => ({ tag, type: 'vln', max, name });
const text = (tag: number, max: number, name: string): TagRow => ({ tag, type: 'string', max, name });
const fixed = (tag: number, max: number, name: string): TagRow => ({
  ...text(tag, max, name),
  isFixed: true,
});
const tree = (tag: number, max: number, name: string): TagRow => ({ tag, type: 'structure', max, name });
const blob = (tag: number, max: number, name: string): TagRow => ({ tag, type: 'bytes', max, name });
const many = (row: TagRow): TagRow => ({ ...row, isRepeatable: true });
const only = (versions: readonly FfdVersion[], row: TagRow): TagRow => ({ ...row, only: versions });

const REGISTRATION: readonly TagRow[] = [
  byte(1001, 'autoMode'),
  byte(1002, 'offlineMode'),
  text(1009, 256, 'retailAddress'),
  time(1012, 'dateTime'),
  text(1013, 20, 'kktNumber'),
  fixed(1017, 12, 'ofdInn'),
  fixed(1018, 12, 'userInn'),
  text(1021, 64, 'operator'),
  text(1036, 20, 'machineNumber'),
  fixed(1037, 20, 'kktRegId'),
  u32(1038, 'shiftNumber'),
  u32(1040, 'fiscalDocumentNumber'),
  fixed(1041, 16, 'fiscalDriveNumber'),
  text(1046, 256, 'ofdName'),
  text(1048, 256, 'user'),
  byte(1056, 'encryptionSign'),
  bits(1057, 'paymentAgentType'),
  text(1060, 256, 'fnsSite'),
  bits(1062, 'taxationType'),
  { tag: 1077, type: 'sign', max: 6, name: 'fiscalSign', isFixed: true },
  many(byte(1101, 'correctionReasonCode')),
  byte(1108, 'internetSign'),
  byte(1109, 'serviceSign'),
  byte(1110, 'bsoSign'),
  text(1117, 64, 'sellerAddress'),
  byte(1126, 'lotterySign'),
  text(1187, 256, 'retailPlace'),
  text(1188, 8, 'kktVersion'),
  byte(1189, 'documentKktVersion'),
  byte(1190, 'documentFdVersion'),
  byte(1193, 'gamblingSign'),
  fixed(1203, 12, 'operatorInn'),
  bits(1205, 'correctionKktReasonCode', 4),
  byte(1207, 'exciseDutyProductSign'),
  byte(1209, 'fiscalDocumentFormatVer'),
  { tag: 1213, type: 'u16', max: 2, name: 'fdKeyResource', isFixed: true },
  byte(1221, 'printInMachineSign'),
  text(1274, 32, 'additionalPropsFRC'),
  blob(1275, 32, 'additionalDataFRC'),
  bits(1290, 'usageConditionSigns', 4),
];

const SHIFT: readonly TagRow[] = [
  byte(1050, 'fiscalDriveExhaustionSign'),
  byte(1051, 'fiscalDriveReplaceRequiredSign'),
  byte(1052, 'fiscalDriveMemoryExceededSign'),
  byte(1053, 'ofdResponseTimeoutSign'),
  u32(1097, 'notTransmittedDocumentsQuantity'),
  time(1098, 'notTransmittedDocumentsDateTime'),
  u32(1111, 'documentsQuantity'),
  u32(1116, 'notTransmittedDocumentNumber'),
  u32(1118, 'receiptsQuantity'),
  bits(1206, 'operatorMessage'),
  text(1276, 32, 'additionalPropsOS'),
  blob(1277, 32, 'additionalDataOS'),
  text(1278, 32, 'additionalPropsCS'),
  blob(1279, 32, 'additionalDataCS'),
  text(1280, 32, 'additionalPropsCSR'),
  blob(1281, 32, 'additionalDataCSR'),
  text(1282, 32, 'additionalPropsCA'),
  blob(1283, 32, 'additionalDataCA'),
  u32(2104, 'undeliveredNotificationsNumber'),
  bits(2112, 'invalidLabelCodesSign'),
  bits(2113, 'invalidRequestsNotificationsSign'),
];

const COUNTERS: readonly TagRow[] = [
  tree(1129, 116, 'sellOper'),
  tree(1130, 116, 'sellReturnOper'),
  tree(1131, 116, 'buyOper'),
  tree(1132, 116, 'buyReturnOper'),
  tree(1133, 216, 'receiptCorrection'),
  u32(1134, 'totalReceiptBsoCount'),
  u32(1135, 'receiptBsoCount'),
  sum(1136, 'cashSum', 8),
  sum(1138, 'ecashSum', 8),
  sum(1139, 'tax18Sum', 8),
  sum(1140, 'tax10Sum', 8),
  sum(1141, 'tax18118Sum', 8),
  sum(1142, 'tax10110Sum', 8),
  sum(1143, 'tax0Sum', 8),
  u32(1144, 'receiptCorrectionCount'),
  tree(1145, 100, 'sellCorrection'),
  tree(1146, 100, 'buyCorrection'),
  u32(1148, 'ownCorrectionCount'),
  u32(1149, 'orderedCorrectionCount'),
  sum(1151, 'tax18Sum', 8),
  sum(1152, 'tax10Sum', 8),
  sum(1153, 'tax0Sum', 8),
  sum(1154, 'tax18118Sum', 8),
  sum(1155, 'tax10110Sum', 8),
  tree(1157, 708, 'fiscalDriveSumReports'),
  tree(1158, 708, 'notTransmittedDocumentsSumReports'),
  sum(1183, 'taxFreeSum', 8),
  sum(1184, 'taxFreeSum', 8),
  tree(1194, 708, 'shiftSumReports'),
  sum(1201, 'totalSum', 8),
  sum(1218, 'prepaidSum', 8),
  sum(1219, 'creditSum', 8),
  sum(1220, 'provisionSum', 8),
  tree(1232, 100, 'sellReturnCorrection'),
  tree(1233, 100, 'buyReturnCorrection'),
];

const RECEIPT: readonly TagRow[] = [
  text(1008, 64, 'buyerPhoneOrAddress'),
  sum(1020, 'totalSum'),
  sum(1031, 'cashTotalSum'),
  u32(1042, 'requestNumber'),
  byte(1054, 'operationType'),
  bits(1055, 'taxationType'),
  many(tree(1059, 1024, 'items')),
  sum(1081, 'ecashTotalSum'),
  many(only(V10, tree(1084, 328, 'properties'))),
  only(FROM_105, tree(1084, 320, 'properties')),
  text(1085, 64, 'propertyName'),
  text(1086, 256, 'propertyValue'),
  sum(1102, 'nds18'),
  sum(1103, 'nds10'),
  sum(1104, 'nds0'),
  sum(1105, 'ndsNo'),
  sum(1106, 'nds18118'),
  sum(1107, 'nds10110'),
  // Since 2025 rates without a tag of their own stand as pairs in 1115; in format 1.0 the numbers were other things.
  only(FROM_105, tree(1115, 256, 'amountsReceiptNds')),
  many(only(FROM_105, tree(1119, 32, 'amountsNds'))),
  only(FROM_105, sum(1120, 'ndsSum')),
  only(V10, text(1115, 256, 'addressToCheckFiscalSign')),
  only(V10, text(1119, 19, 'operatorPhoneToReceive')),
  byte(1173, 'correctionType'),
  tree(1174, 292, 'correctionBase'),
  text(1177, 256, 'correctionName'),
  time(1178, 'correctionDocumentDate'),
  text(1179, 32, 'correctionDocumentNumber'),
  text(1192, 16, 'propertiesData'),
  sum(1215, 'prepaidSum'),
  sum(1216, 'creditSum'),
  sum(1217, 'provisionSum'),
  text(1227, 256, 'buyer'),
  fixed(1228, 12, 'buyerInn'),
  fixed(1243, 10, 'buyerBirthday'),
  fixed(1244, 3, 'buyerCitizenship'),
  text(1245, 2, 'buyerDocumentCode'),
  text(1246, 64, 'buyerDocumentData'),
  text(1254, 256, 'buyerAddress'),
  tree(1256, 1024, 'buyerInformation'),
  many(tree(1261, 302, 'industryReceiptDetails')),
  tree(1270, 144, 'operationalDetails'),
  byte(1271, 'operationId'),
  text(1272, 64, 'operationData'),
  time(1273, 'operationDateTime'),
  byte(2107, 'checkingLabeledProdResult'),
];

const ITEM: readonly TagRow[] = [
  text(1005, 256, 'transferOperatorAddress'),
  fixed(1016, 12, 'transferOperatorInn'),
  { tag: 1023, type: 'fvln', max: 8, name: 'quantity' },
  text(1026, 64, 'transferOperatorName'),
  text(1030, 128, 'name'),
  sum(1043, 'sum'),
  text(1044, 24, 'paymentAgentOperation'),
  many(text(1073, 19, 'paymentAgentPhone')),
  many(text(1074, 19, 'paymentOperatorPhone')),
  many(text(1075, 19, 'transferOperatorPhone')),
  sum(1079, 'price'),
  blob(1162, 32, 'productCode'),
  tree(1163, 128, 'productCodeNew'),
  many(text(1171, 19, 'providerPhone')),
  text(1191, 64, 'propertiesItem'),
  text(1197, 16, 'unit'),
  sum(1198, 'unitNds'),
  byte(1199, 'nds'),
  sum(1200, 'ndsSum'),
  byte(1212, 'productType'),
  byte(1214, 'paymentType'),
  bits(1222, 'paymentAgentByProductType'),
  tree(1223, 512, 'paymentAgentData'),
  tree(1224, 512, 'providerData'),
  text(1225, 256, 'providerName'),
  fixed(1226, 12, 'providerInn'),
  sum(1229, 'exciseDuty', 8),
  fixed(1230, 3, 'originCountryCode'),
  text(1231, 32, 'customEntryNum'),
  many(tree(1260, 302, 'itemsIndustryDetails')),
  text(1262, 3, 'idFoiv'),
  fixed(1263, 10, 'foundationDocDateTime'),
  text(1264, 32, 'foundationDocNumber'),
  text(1265, 256, 'industryPropValue'),
  tree(1291, 52, 'labeledProdFractionalQuantity'),
  text(1292, 24, 'fractionalPart'),
  sum(1293, 'numerator', 8),
  sum(1294, 'denominator', 8),
  byte(2102, 'labelCodeProcesMode'),
  bits(2106, 'checkingProdInformationResult'),
  byte(2108, 'itemsQuantityMeasure'),
  fixed(2115, 4, 'controlCode'),
];

const PRODUCT_CODES: readonly TagRow[] = [
  text(1300, 32, 'undefined'),
  fixed(1301, 8, 'ean8'),
  fixed(1302, 13, 'ean13'),
  fixed(1303, 14, 'itf14'),
  text(1304, 38, 'gs1'),
  text(1305, 38, 'gs1m'),
  text(1306, 38, 'kmk'),
  fixed(1307, 20, 'mi'),
  // 23 by the order; a vendor's driver takes 33, so reading never depends on it.
  text(1308, 33, 'egais2'),
  fixed(1309, 14, 'egais3'),
  ...[1, 2, 3, 4, 5, 6].map((n) => text(1319 + n, 32, `f${n}`)),
];

const OPERATOR: readonly TagRow[] = [
  byte(1022, 'ofdResponseCode'),
  tree(1068, 169, 'messageToFn'),
  blob(1078, 18, 'operatorSign'),
];

const MARKING: readonly TagRow[] = [
  text(2000, 256, 'labelCode'),
  u32(2001, 'requestNumber'),
  u32(2002, 'notificationNumber'),
  byte(2003, 'plannedStatus'),
  bits(2004, 'labelCodeCheckResult'),
  bits(2005, 'requestResult'),
  bits(2006, 'notificationResult'),
  many(tree(2007, 512, 'labeledProduct')),
  byte(2100, 'labelCodeType'),
  text(2101, 34, 'productId'),
  byte(2105, 'requestProcessingCode'),
  byte(2109, 'oismStatusAnswer'),
  byte(2110, 'assignedStatus'),
  byte(2111, 'notificationProcessingCode'),
  time(2114, 'requestDateTime'),
];

/** Format 1.0 only: discounts inside items, reversals, barcodes. */
const OLD: readonly TagRow[] = [
  only(V10, { tag: 1034, type: 'fvln', max: 8, name: 'markup' }),
  only(V10, sum(1035, 'markupSum', 8)),
  only(V10, { tag: 1063, type: 'fvln', max: 8, name: 'discount' }),
  only(V10, sum(1064, 'discountSum', 8)),
  many(only(V10, tree(1071, 328, 'stornoItems'))),
  only(V10, text(1080, 16, 'barcode')),
  many(only(V10, tree(1112, 160, 'modifiers'))),
  only(V10, text(1113, 64, 'discountName')),
  only(V10, text(1114, 64, 'markupName')),
];

export const TAG_ROWS: readonly TagRow[] = [
  ...REGISTRATION,
  ...SHIFT,
  ...COUNTERS,
  ...RECEIPT,
  ...ITEM,
  ...PRODUCT_CODES,
  ...OPERATOR,
  ...MARKING,
  ...OLD,
];
