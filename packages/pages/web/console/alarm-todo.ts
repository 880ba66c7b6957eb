/**
 * What an operator does about an alarm, by its code: the first step, in one or two sentences; the runbooks have the rest.
 *
 * A code with words (`kit/node-words.ts`) and nothing to do does not compile.
 */
import type { nodeWords } from '../kit/node-words.ts';
import type { Language, Tables } from '../kit/words.ts';

type Todo = Readonly<Record<keyof (typeof nodeWords)['en']['alarms'], string>>;

const en: Todo = {
  OUTBOX_FILLING: 'See on the page of the branch what waits and for whom, and mend the way there.',
  OUTBOX_QUARANTINED:
    'Open what waits for a decision: mend the cause at the other side and retry, or settle it with a reason.',
  OFD_UNREACHABLE:
    'Check the internet of the branch and the address of the operator. Selling goes on; watch the countdown.',
  WEBHOOK_REFUSED: 'Mend the receiver, then retry what it refused.',
  KKT_NOT_READY:
    'Do what is said about the register: paper, cover, power, cable. Otherwise call the service company.',
  FISCAL_FAULT: 'Send us the log of the node; receipts that wait are printed once the register works.',
  SHIFT_MISMATCH:
    'Look on the journal tape for a receipt printed by hand or by another program, and correct with a correction receipt where the law asks.',
  CASH_NOT_TOLD: 'Compare the drawer with the register, and enter what is missing at the register.',
  CHANGE_QUARANTINED:
    'Run verify at the branch and at the relay: the same verdict at both is a mistake of the writer, at one only a damaged disk.',
  CLOCK_AHEAD:
    'Find the device with the wrong clock and switch its time synchronisation on. Never set a clock back by hand while it sells.',
  ENTRY_UNREADABLE: 'Update this program if others are newer. Otherwise send us the log.',
  STORE_CORRUPT: 'Run verify there. If it names an entry, restore the last good backup onto a sound disk.',
  ENTRIES_REFUSED: 'Run verify at the device that sent them. If it goes on, revoke it and enrol it anew.',
  CHECKPOINT_REFUSED: 'Run verify at the device that sent it. Nothing is lost: entries are sent instead.',
  FEED_FORKED:
    'Find the copy, switch it off and wipe its data folder. The real device goes on under a new key.',
  FEED_FORK:
    'Find the copy, switch it off and wipe its data folder. The real device goes on under a new key.',
  DEVICE_SUPERSEDED: 'Find the copy and switch it off. This device takes a new key by itself.',
  SUCCESSION_PENDING: 'Let it reach the relay: the new key is confirmed by itself.',
  DEVICE_REVOKED:
    'If it was meant so, switch it off. If not, enrol it with a new token on a new folder and export its sales since.',
  PEER_REVOKED: 'If it was meant so, switch this device off. If not, enrol it with a new token.',
  PEER_UNKNOWN: 'Enrol the device where it is not known.',
  TENANT_MISMATCH: 'Check the address of the peer: it belongs to another company.',
  VERSION_MISMATCH: 'Update the older of the two programs.',
  NUMBERS_CHANGED: 'Nothing: both series are valid.',
  LIVE_DOCUMENTS: 'Send us the log of the node. Selling does not depend on it.',
  OFD_LATE:
    'Find out why documents wait. From 20 days on bring another link to the branch: after 30 days it may not sell.',
  MAINTENANCE: 'Ask who began it; a manager ends it at the till when the work is done.',
  PIN_LOCKED:
    'Ask the person. Forgotten: give a new PIN. Nobody of them did it: somebody at that till tries.',
  BOOKS_DIFFER: 'Run reconcile for that day and go through the list with the branch.',
  ERP_UNREACHABLE: 'Check the address of the back office in the config. What waits is sent by itself.',
  POS_SYNC_REFUSED: 'Read at head office what was refused and why, and mend it in the database of that shop.',
  POS_RECORD_UNSETTLED:
    'Compare each with the shop, enter at head office what is true, and settle it with a word.',
  FN_TERM:
    'Order a new storage and a date with the service company; deliver all documents before the change.',
  FN_MEMORY: 'Order a new storage now; the branch page says how many documents still fit.',
  SHIFT_LONG: 'Close the shift at the till. If it cannot be closed, mend paper, cover or line first.',
  KKT_CLOCK: 'Close the shift, set the clock at the register, open the shift.',
  VERIFY_FAILED: 'Run verify again to see what it names, look at the disk, and make a backup to another one.',
  DEVICE_COPIED:
    'Find the copy, switch it off and wipe it. Sales it made alone are in the evidence folder: enter what is missing.',
};

const ru: Todo = {
  OUTBOX_FILLING: 'Посмотрите на странице магазина, что и для кого ждёт, и восстановите связь туда.',
  OUTBOX_QUARANTINED:
    'Откройте то, что ждёт решения: устраните причину у получателя и повторите или закройте с указанием причины.',
  OFD_UNREACHABLE: 'Проверьте интернет магазина и адрес оператора. Продажи идут; следите за сроком.',
  WEBHOOK_REFUSED: 'Исправьте получателя, затем повторите то, что он отклонил.',
  KKT_NOT_READY: 'Сделайте, что сказано о кассе: бумага, крышка, питание, кабель. Иначе вызовите сервис.',
  FISCAL_FAULT: 'Пришлите нам журнал узла; ожидающие чеки напечатаются, когда касса заработает.',
  SHIFT_MISMATCH:
    'Найдите на контрольной ленте чек, пробитый вручную или другой программой; где требует закон, пробейте чек коррекции.',
  CASH_NOT_TOLD: 'Сверьте денежный ящик с кассой и внесите в кассу недостающее.',
  CHANGE_QUARANTINED:
    'Запустите проверку в магазине и на ретрансляторе: одинаковый ответ — ошибка записавшего, разный — повреждённый диск.',
  CLOCK_AHEAD:
    'Найдите устройство с неверными часами и включите синхронизацию времени. Не переводите часы назад вручную во время продаж.',
  ENTRY_UNREADABLE: 'Обновите эту программу, если другие новее. Иначе пришлите нам журнал.',
  STORE_CORRUPT:
    'Запустите там проверку. Если она называет запись, восстановите последнюю исправную копию на исправный диск.',
  ENTRIES_REFUSED:
    'Запустите проверку на устройстве, которое их прислало. Если повторяется, отзовите его и зарегистрируйте заново.',
  CHECKPOINT_REFUSED:
    'Запустите проверку на устройстве, которое его прислало. Ничего не потеряно: вместо него придут записи.',
  FEED_FORKED:
    'Найдите копию, выключите её и сотрите её папку данных. Настоящее устройство продолжит под новым ключом.',
  FEED_FORK:
    'Найдите копию, выключите её и сотрите её папку данных. Настоящее устройство продолжит под новым ключом.',
  DEVICE_SUPERSEDED: 'Найдите копию и выключите её. Новый ключ это устройство возьмёт само.',
  SUCCESSION_PENDING: 'Дайте ему связаться с ретранслятором: новый ключ подтвердится сам.',
  DEVICE_REVOKED:
    'Если так и нужно, выключите его. Если нет, зарегистрируйте его новым токеном в новой папке и выгрузите продажи за это время.',
  PEER_REVOKED: 'Если так и нужно, выключите это устройство. Если нет, зарегистрируйте его новым токеном.',
  PEER_UNKNOWN: 'Зарегистрируйте устройство там, где его не знают.',
  TENANT_MISMATCH: 'Проверьте адрес: там другая компания.',
  VERSION_MISMATCH: 'Обновите более старую из двух программ.',
  NUMBERS_CHANGED: 'Ничего: обе серии действительны.',
  LIVE_DOCUMENTS: 'Пришлите нам журнал узла. Продажи от этого не зависят.',
  OFD_LATE:
    'Выясните, почему документы ждут. С 20-го дня привезите в магазин другую связь: после 30 дней продавать нельзя.',
  MAINTENANCE: 'Спросите, кто начал; по окончании работ управляющий завершит обслуживание на кассе.',
  PIN_LOCKED:
    'Спросите сотрудника. Забыл — дайте новый PIN. Никто из них не вводил — кто-то подбирает PIN у этой кассы.',
  BOOKS_DIFFER: 'Запустите сверку за этот день и пройдите список вместе с магазином.',
  ERP_UNREACHABLE: 'Проверьте адрес учётной системы в настройках. Ожидающее уйдёт само.',
  POS_SYNC_REFUSED:
    'Прочтите в центральном офисе, что и почему отклонено, и исправьте в базе этого магазина.',
  POS_RECORD_UNSETTLED:
    'Сверьте каждую запись с магазином, внесите верное в центральном офисе и закройте с пояснением.',
  FN_TERM: 'Закажите новый накопитель и дату в сервисной компании; до замены передайте все документы.',
  FN_MEMORY:
    'Закажите новый накопитель сейчас; на странице магазина видно, сколько документов ещё поместится.',
  SHIFT_LONG: 'Закройте смену на кассе. Если не закрывается, сначала устраните бумагу, крышку или связь.',
  KKT_CLOCK: 'Закройте смену, поставьте часы на кассе, откройте смену.',
  VERIFY_FAILED:
    'Запустите проверку ещё раз, чтобы узнать, что она называет; проверьте диск и сделайте копию на другой.',
  DEVICE_COPIED:
    'Найдите копию, выключите и сотрите её. Её собственные продажи лежат в папке доказательств: внесите недостающее.',
};

const es: Todo = {
  OUTBOX_FILLING: 'Vea en la página de la sucursal qué espera y para quién, y repare el camino.',
  OUTBOX_QUARANTINED:
    'Abra lo que espera una decisión: repare la causa en el otro lado y reintente, o ciérrelo con un motivo.',
  OFD_UNREACHABLE:
    'Revise el internet de la sucursal y la dirección del operador. Se sigue vendiendo; vigile el plazo.',
  WEBHOOK_REFUSED: 'Repare el receptor y reintente lo que rechazó.',
  KKT_NOT_READY:
    'Haga lo que se dice de la registradora: papel, tapa, corriente, cable. Si no, llame al servicio.',
  FISCAL_FAULT:
    'Envíenos el registro del nodo; los tiques que esperan se imprimen cuando la registradora funcione.',
  SHIFT_MISMATCH:
    'Busque en la cinta un tique hecho a mano o por otro programa; corrija con un tique de corrección donde la ley lo pida.',
  CASH_NOT_TOLD: 'Compare el cajón con la registradora y anote en ella lo que falte.',
  CHANGE_QUARANTINED:
    'Ejecute la verificación en la sucursal y en el relé: el mismo resultado en ambos es error de quien escribió; en uno solo, un disco dañado.',
  CLOCK_AHEAD:
    'Busque el dispositivo con la hora mala y active la sincronización. No atrase un reloj a mano mientras se vende.',
  ENTRY_UNREADABLE: 'Actualice este programa si los demás son más nuevos. Si no, envíenos el registro.',
  STORE_CORRUPT:
    'Ejecute allí la verificación. Si nombra una entrada, restaure la última copia buena en un disco sano.',
  ENTRIES_REFUSED:
    'Ejecute la verificación en el dispositivo que las envió. Si se repite, revóquelo y regístrelo de nuevo.',
  CHECKPOINT_REFUSED:
    'Ejecute la verificación en el dispositivo que lo envió. Nada se pierde: se envían las entradas.',
  FEED_FORKED:
    'Busque la copia, apáguela y borre su carpeta de datos. El dispositivo verdadero sigue con otra clave.',
  FEED_FORK:
    'Busque la copia, apáguela y borre su carpeta de datos. El dispositivo verdadero sigue con otra clave.',
  DEVICE_SUPERSEDED: 'Busque la copia y apáguela. Este dispositivo toma otra clave por sí mismo.',
  SUCCESSION_PENDING: 'Deje que llegue al relé: la clave nueva se confirma sola.',
  DEVICE_REVOKED:
    'Si era lo previsto, apáguelo. Si no, regístrelo con un token nuevo en otra carpeta y exporte sus ventas desde entonces.',
  PEER_REVOKED: 'Si era lo previsto, apague este dispositivo. Si no, regístrelo con un token nuevo.',
  PEER_UNKNOWN: 'Registre el dispositivo donde no lo conocen.',
  TENANT_MISMATCH: 'Revise la dirección: es de otra empresa.',
  VERSION_MISMATCH: 'Actualice el más antiguo de los dos programas.',
  NUMBERS_CHANGED: 'Nada: ambas series son válidas.',
  LIVE_DOCUMENTS: 'Envíenos el registro del nodo. Las ventas no dependen de ello.',
  OFD_LATE:
    'Averigüe por qué esperan los documentos. Desde el día 20 lleve otra conexión: pasados 30 días no se puede vender.',
  MAINTENANCE: 'Pregunte quién lo empezó; un encargado lo termina en la caja al acabar.',
  PIN_LOCKED:
    'Pregunte a la persona. Si lo olvidó, dele un PIN nuevo. Si no fue nadie, alguien prueba en esa caja.',
  BOOKS_DIFFER: 'Ejecute la conciliación de ese día y repase la lista con la sucursal.',
  ERP_UNREACHABLE:
    'Revise la dirección del sistema de gestión en la configuración. Lo que espera se envía solo.',
  POS_SYNC_REFUSED: 'Lea en la central qué se rechazó y por qué, y corríjalo en la base de esa tienda.',
  POS_RECORD_UNSETTLED:
    'Compare cada registro con la tienda, anote en la central lo cierto y ciérrelo con una nota.',
  FN_TERM:
    'Pida una memoria nueva y fecha al servicio técnico; entregue todos los documentos antes del cambio.',
  FN_MEMORY: 'Pida ya una memoria nueva; la página de la sucursal dice cuántos documentos caben aún.',
  SHIFT_LONG: 'Cierre el turno en la caja. Si no se cierra, repare antes el papel, la tapa o la línea.',
  KKT_CLOCK: 'Cierre el turno, ponga en hora la registradora y abra el turno.',
  VERIFY_FAILED: 'Verifique otra vez para ver qué nombra, revise el disco y haga una copia en otro.',
  DEVICE_COPIED:
    'Busque la copia, apáguela y bórrela. Sus ventas propias están en la carpeta de pruebas: anote lo que falte.',
};

const todo: Tables<Todo> = { en, ru, es };

/** Undefined for a code of a newer program. */
export function alarmTodo(language: Language, code: string): string | undefined {
  const known: Readonly<Record<string, string>> = todo[language];
  return Object.hasOwn(known, code) ? known[code] : undefined;
}
