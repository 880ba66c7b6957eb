/**
 * Which tags stand where: the forms of documents and the structured tags, by version of the format. Data, nothing else.
 *
 * A list is read as follows: `1020!` must be there, `1008` may, `1197-1.1` belongs to versions up to 1.1, `1163+1.2` to
 * versions from 1.2, `1157!+1.1` must be there from 1.1. What a version calls "if applicable" is "may" here: only the
 * device knows its registration. "Must" is the electronic form of the document as the storage keeps it.
 */
export interface DocumentForm {
  readonly code: number;
  readonly name: string;
  readonly title: string;
  /** Largest value of the outer tag in bytes. */
  readonly max: number;
  readonly tags: string;
}

export const DOCUMENT_BYTES_MAX = 32_768;
const REPORT_BYTES_MAX = 4_096;

const KEYS = '1041! 1040! 1012! 1077! 1209!+1.05';
const OWNER = '1018! 1037! 1048 1009 1187 1188 1189 1190';
const CASHIER = '1021 1203';
const WARNINGS = '1050 1051 1052 1053 1206';
const AGENT = '1057 1005 1016 1026 1044 1073 1074 1075 1171';
const VAT_SUMS = '1102 1103 1104 1105 1106 1107 1115';
const PAYMENTS = '1020! 1031! 1081! 1215!+1.05 1216!+1.05 1217!+1.05';
const BUYER = '1008 1117 1227-1.1 1228-1.1 1256+1.2';

const REGISTRATION_TAGS = `${KEYS} ${OWNER} ${CASHIER} 1062! 1002! 1221 1110 1056! 1001! 1108 1013! 1213 1036 1207 1193 1126 1057 \
1117 1060 1017 1046 1109 1274+1.2 1275+1.2 1290+1.2`;
const RECEIPT_TAGS = `${KEYS} ${OWNER} ${CASHIER} 1042! 1038! 1054! 1055! ${PAYMENTS} 1059 ${VAT_SUMS} ${BUYER} ${AGENT} 1036 1060 \
1084 1192+1.05 1108 1112-1.0 1071-1.0 1119-1.0 1261+1.2 1270+1.2 2107+1.2`;
const CORRECTION_TAGS = `${KEYS} ${OWNER} ${CASHIER} 1042! 1038! 1054! 1055! 1173!+1.05 1174!+1.05 ${PAYMENTS} ${VAT_SUMS} ${BUYER} \
${AGENT} 1036 1060 1059+1.2 1084+1.2 1192+1.2 1108+1.2 1261+1.2 1270+1.2 2107+1.2`;

export const DOCUMENT_FORMS: readonly DocumentForm[] = [
  {
    code: 1,
    name: 'fiscalReport',
    title: 'registration report',
    max: REPORT_BYTES_MAX,
    tags: REGISTRATION_TAGS,
  },
  {
    code: 11,
    name: 'fiscalReportCorrection',
    title: 're-registration report',
    max: REPORT_BYTES_MAX,
    tags: `${REGISTRATION_TAGS} 1101 1205 1157`,
  },
  {
    code: 2,
    name: 'openShift',
    title: 'report on opening a shift',
    max: REPORT_BYTES_MAX,
    tags: `${KEYS} ${OWNER} ${CASHIER} ${WARNINGS} 1038! 1276+1.2 1277+1.2`,
  },
  {
    code: 21,
    name: 'currentStateReport',
    title: 'report on the state of settlements',
    max: REPORT_BYTES_MAX,
    tags: `${KEYS} ${OWNER} ${CASHIER} 1038 1002! 1157+1.1 1116 1097 1098 1158 1280+1.2 1281+1.2`,
  },
  { code: 3, name: 'receipt', title: 'receipt', max: DOCUMENT_BYTES_MAX, tags: RECEIPT_TAGS },
  {
    code: 31,
    name: 'receiptCorrection',
    title: 'correction receipt',
    max: DOCUMENT_BYTES_MAX,
    tags: CORRECTION_TAGS,
  },
  { code: 4, name: 'bso', title: 'strict reporting form', max: DOCUMENT_BYTES_MAX, tags: RECEIPT_TAGS },
  {
    code: 41,
    name: 'bsoCorrection',
    title: 'correction of a strict reporting form',
    max: DOCUMENT_BYTES_MAX,
    tags: CORRECTION_TAGS,
  },
  {
    code: 5,
    name: 'closeShift',
    title: 'report on closing a shift',
    max: REPORT_BYTES_MAX,
    tags: `${KEYS} ${OWNER} ${CASHIER} ${WARNINGS} 1038! 1118! 1111! 1097! 1098 1194+1.1 1157+1.1 1213+1.1 2104+1.2 2112+1.2 2113+1.2 \
1278+1.2 1279+1.2`,
  },
  {
    code: 6,
    name: 'closeArchive',
    title: 'report on closing the fiscal storage',
    max: REPORT_BYTES_MAX,
    tags: `${KEYS} ${OWNER} ${CASHIER} 1038 1097 1157+1.1 1282+1.2 1283+1.2`,
  },
  {
    code: 7,
    name: 'operatorAck',
    title: "operator's acknowledgement",
    max: 512,
    tags: '1017! 1041! 1040! 1012! 1068! 1206 1078',
  },
  {
    code: 81,
    name: 'labelCodeRequest',
    title: 'request about a marking code',
    max: REPORT_BYTES_MAX,
    tags: '1041 1040 1012 1209 2000 2001 2003 2004 2100 2101 2102 2106 2108 1023 1291 2115 2007 1077',
  },
  {
    code: 82,
    name: 'labelCodeNotification',
    title: 'notification of the sale of marked goods',
    max: DOCUMENT_BYTES_MAX,
    tags: '1041 1040 1012 1209 1018 1037 1054 1042 1038 2002 2007 2106 2112 1077 1020',
  },
  {
    code: 83,
    name: 'labelCodeAnswer',
    title: 'answer about a marking code',
    max: REPORT_BYTES_MAX,
    tags: '1041 1040 1012 1209 2001 2004 2005 2100 2101 2105 2109 2110 2114 2106 1265 1077',
  },
  {
    code: 84,
    name: 'labelCodeTicket',
    title: 'ticket for a notification',
    max: REPORT_BYTES_MAX,
    tags: '1041 1040 1012 1209 2002 2006 2111 2112 1077',
  },
];

const SHIFT_COUNTERS = '1134! 1129 1130 1131 1132 1133';
const SETTLEMENT_COUNTERS = '1135! 1136 1138 1218 1219 1220 1201 1139 1140 1141 1142 1143 1183 1115';
const CORRECTION_COUNTERS = '1148 1149 1135 1136 1138 1218 1219 1220 1201 1151 1152 1153 1154 1155 1184';
const OLD_ITEM =
  '1063-1.0 1064-1.0 1080-1.0 1112-1.0 1102-1.0 1103-1.0 1104-1.0 1105-1.0 1106-1.0 1107-1.0 1084-1.0';

/** Children of structured tags, by the number of the tag. */
export const STRUCTURES: Readonly<Record<number, string>> = {
  1059: `1030! 1079! 1023! 1043! 1212!+1.05 1214!+1.05 1199 1200 1198 1162-1.1 1163+1.2 1191 1197-1.1 2108+1.2 2106+1.2 2102+1.2 1291+1.2 \
2115+1.2 1222 1223 1224 1226 1229 1230 1231 1260+1.2 2007+1.2 ${OLD_ITEM}`,
  1068: '1022!',
  1071: '1030 1079 1023 1043 1063-1.0 1064-1.0 1080-1.0 1112-1.0 1102 1103 1104 1105 1106 1107',
  1084: '1085! 1086!',
  1112: '1034-1.0 1035-1.0 1063-1.0 1064-1.0 1113-1.0 1114-1.0',
  1115: '1119!',
  1119: '1199! 1120!',
  1129: SETTLEMENT_COUNTERS,
  1130: SETTLEMENT_COUNTERS,
  1131: SETTLEMENT_COUNTERS,
  1132: SETTLEMENT_COUNTERS,
  1133: '1144! 1145 1146 1232 1233',
  1145: CORRECTION_COUNTERS,
  1146: CORRECTION_COUNTERS,
  1157: SHIFT_COUNTERS,
  1158: SHIFT_COUNTERS,
  1163: '1300 1301 1302 1303 1304 1305 1306 1307 1308 1309 1320 1321 1322 1323 1324 1325',
  1174: '1177-1.1 1178! 1179',
  1194: SHIFT_COUNTERS,
  1223: '1075 1044 1073 1074 1026 1005 1016',
  1224: '1171 1225',
  1232: CORRECTION_COUNTERS,
  1233: CORRECTION_COUNTERS,
  1256: '1227 1228 1243 1244 1245 1246 1254',
  1260: '1262! 1263! 1264! 1265!',
  1261: '1262! 1263! 1264! 1265!',
  1270: '1271! 1272! 1273!',
  1291: '1292! 1293! 1294!',
  2007: '2000 2003 2101 2102 2106 2108 1023 1291 2115 2110',
};
