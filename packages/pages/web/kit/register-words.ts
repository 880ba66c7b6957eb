/**
 * What holds a register up, by the code of its driver, for whoever stands before it; and the same words for the operator who is called.
 *
 * A test compares the codes with those the drivers have.
 */
import type { Language, TableOf, Tables } from './words.ts';

const en = {
  troubles: {
    KKT_LINE_FAILED: 'The register cannot be reached: check power and cable.',
    KKT_NO_ANSWER: 'The register does not answer: check power and cable.',
    KKT_PAPER_OUT: 'The register is out of paper: put in a new roll.',
    KKT_COVER_OPEN: 'The cover of the register is open: close it.',
    KKT_PRINTER_FAULT: 'The printer of the register does not work.',
    KKT_BUSY: 'The register is busy.',
    KKT_FN_FULL: 'The fiscal storage is full and has to be replaced.',
    KKT_FN_EXPIRED: 'The term of the fiscal storage is over; it has to be replaced.',
    KKT_OFD_BACKLOG: 'The register stopped: the tax operator was out of reach for too long.',
    KKT_SHIFT_EXPIRED: 'The shift is longer than 24 hours; it is being closed.',
    KKT_CLOCK_WRONG: 'The clock of the register is wrong.',
    KKT_PROTOCOL: 'The register answers what nobody understands: check the cable and the settings.',
    KKT_CLOSED: 'The connection to the register was closed; it is opened again.',
    KKT_FN_MISMATCH: 'Another fiscal storage sits in the register: call support.',
    KKT_FN_FAULT: 'The fiscal storage does not work: call the service.',
    KKT_FN_CLOSED: 'The fiscal storage is not registered: call the service.',
    KKT_SHIFT_CLOSED: 'The shift of the register is closed; it is being opened.',
    KKT_SHIFT_OPEN: 'The shift of the register is open: close it first.',
    KKT_DOCUMENT_OPEN: 'The register is in the middle of another document: finish or cancel it there.',
    KKT_STATE_INVALID: 'The register is in another state than expected; it is asked again.',
    KKT_PASSWORD_WRONG: 'The register refuses the password: it has to be corrected in the settings.',
    KKT_CASH_SHORT: 'There is less cash in the register than should be taken out.',
    KKT_MARKING_REFUSED: 'The register refuses the marking code: do not sell this piece.',
    KKT_RECEIPT_INVALID: 'The register cannot print this receipt: call support.',
    KKT_TOTAL_MISMATCH: 'The register adds up to another total: call support.',
    KKT_REFUSED: 'The register refused: call support.',
    KKT_UNSUPPORTED: 'The register is too old for this: its firmware has to be updated.',
    KKT_ANSWER_FOREIGN: 'The register answered something else; its storage is asked what is true.',
    KKT_FD_WENT_BACK: 'The fiscal storage counts fewer documents than before: call support before selling.',
    KKT_DOCUMENT_STUCK: 'A document hangs in the register: cancel it there.',
    KKT_DOCUMENT_AMBIGUOUS: 'Several documents could be this receipt: compare the paper, call the manager.',
    KKT_DOCUMENT_UNREADABLE:
      'A document in the register cannot be read: compare the paper, call the manager.',
    KKT_ATTEMPTS_EXHAUSTED: 'The register was tried many times in vain: call the manager.',
    KKT_QUEUE_BLOCKED: 'An earlier receipt needs a decision first: call the manager.',
    KKT_RESTARTED: 'The program was started again in the middle of a receipt; the storage is asked.',
    KKT_FAULTS_INVALID: 'The emulator of a register does not understand its faults.',
  },
  troubleOther: (code: string) => `The register reports ${code}.`,
};

const ru: TableOf<typeof en> = {
  troubles: {
    KKT_LINE_FAILED: 'Нет связи с аппаратом: проверьте питание и кабель.',
    KKT_NO_ANSWER: 'Аппарат не отвечает: проверьте питание и кабель.',
    KKT_PAPER_OUT: 'В аппарате кончилась бумага: вставьте новый рулон.',
    KKT_COVER_OPEN: 'Открыта крышка аппарата: закройте её.',
    KKT_PRINTER_FAULT: 'Принтер аппарата не работает.',
    KKT_BUSY: 'Аппарат занят.',
    KKT_FN_FULL: 'Фискальный накопитель полон, его нужно заменить.',
    KKT_FN_EXPIRED: 'Срок фискального накопителя истёк, его нужно заменить.',
    KKT_OFD_BACKLOG: 'Аппарат остановился: слишком долго не было связи с ОФД.',
    KKT_SHIFT_EXPIRED: 'Смена длится больше 24 часов, она закрывается.',
    KKT_CLOCK_WRONG: 'Часы аппарата неверны.',
    KKT_PROTOCOL: 'Аппарат отвечает непонятно: проверьте кабель и настройки.',
    KKT_CLOSED: 'Связь с аппаратом закрыта, она открывается снова.',
    KKT_FN_MISMATCH: 'В аппарате чужой фискальный накопитель: позвоните в поддержку.',
    KKT_FN_FAULT: 'Фискальный накопитель не работает: вызовите сервис.',
    KKT_FN_CLOSED: 'Фискальный накопитель не зарегистрирован: вызовите сервис.',
    KKT_SHIFT_CLOSED: 'Смена аппарата закрыта, она открывается.',
    KKT_SHIFT_OPEN: 'Смена аппарата открыта: сначала закройте её.',
    KKT_DOCUMENT_OPEN: 'Аппарат занят другим документом: закончите или отмените его там.',
    KKT_STATE_INVALID: 'Аппарат в другом состоянии, чем нужно; он опрашивается снова.',
    KKT_PASSWORD_WRONG: 'Аппарат не принимает пароль: исправьте его в настройках.',
    KKT_CASH_SHORT: 'В аппарате меньше наличных, чем изымается.',
    KKT_MARKING_REFUSED: 'Аппарат отверг код маркировки: не продавайте эту единицу.',
    KKT_RECEIPT_INVALID: 'Такой чек аппарат не напечатает: позвоните в поддержку.',
    KKT_TOTAL_MISMATCH: 'Итог аппарата другой: позвоните в поддержку.',
    KKT_REFUSED: 'Аппарат отказал: позвоните в поддержку.',
    KKT_UNSUPPORTED: 'Прошивка аппарата слишком старая: её нужно обновить.',
    KKT_ANSWER_FOREIGN: 'Аппарат ответил не о том; накопитель опрашивается, что верно.',
    KKT_FD_WENT_BACK: 'В накопителе меньше документов, чем было: до продаж позвоните в поддержку.',
    KKT_DOCUMENT_STUCK: 'В аппарате завис документ: отмените его там.',
    KKT_DOCUMENT_AMBIGUOUS:
      'Этим чеком может быть несколько документов: сверьте бумагу, позовите управляющего.',
    KKT_DOCUMENT_UNREADABLE: 'Документ в аппарате не читается: сверьте бумагу, позовите управляющего.',
    KKT_ATTEMPTS_EXHAUSTED: 'Много попыток без успеха: позовите управляющего.',
    KKT_QUEUE_BLOCKED: 'Сначала нужно решение по прежнему чеку: позовите управляющего.',
    KKT_RESTARTED: 'Программа перезапустилась посреди чека; накопитель опрашивается.',
    KKT_FAULTS_INVALID: 'Эмулятор аппарата не понял своих неполадок.',
  },
  troubleOther: (code) => `Аппарат сообщает ${code}.`,
};

const es: TableOf<typeof en> = {
  troubles: {
    KKT_LINE_FAILED: 'No se llega a la registradora: revise la corriente y el cable.',
    KKT_NO_ANSWER: 'La registradora no responde: revise la corriente y el cable.',
    KKT_PAPER_OUT: 'La registradora no tiene papel: ponga un rollo nuevo.',
    KKT_COVER_OPEN: 'La tapa de la registradora está abierta: ciérrela.',
    KKT_PRINTER_FAULT: 'La impresora de la registradora no funciona.',
    KKT_BUSY: 'La registradora está ocupada.',
    KKT_FN_FULL: 'La memoria fiscal está llena y hay que cambiarla.',
    KKT_FN_EXPIRED: 'La memoria fiscal ha caducado y hay que cambiarla.',
    KKT_OFD_BACKLOG: 'La registradora se paró: el operador fiscal estuvo demasiado tiempo sin conexión.',
    KKT_SHIFT_EXPIRED: 'El turno dura más de 24 horas; se está cerrando.',
    KKT_CLOCK_WRONG: 'El reloj de la registradora está mal.',
    KKT_PROTOCOL: 'La registradora responde algo incomprensible: revise el cable y los ajustes.',
    KKT_CLOSED: 'La conexión con la registradora se cerró; se abre de nuevo.',
    KKT_FN_MISMATCH: 'La registradora tiene otra memoria fiscal: llame a soporte.',
    KKT_FN_FAULT: 'La memoria fiscal no funciona: llame al servicio técnico.',
    KKT_FN_CLOSED: 'La memoria fiscal no está registrada: llame al servicio técnico.',
    KKT_SHIFT_CLOSED: 'El turno de la registradora está cerrado; se está abriendo.',
    KKT_SHIFT_OPEN: 'El turno de la registradora está abierto: ciérrelo primero.',
    KKT_DOCUMENT_OPEN: 'La registradora está con otro documento: termínelo o cancélelo allí.',
    KKT_STATE_INVALID: 'La registradora está en otro estado; se le pregunta de nuevo.',
    KKT_PASSWORD_WRONG: 'La registradora rechaza la contraseña: corríjala en los ajustes.',
    KKT_CASH_SHORT: 'En la registradora hay menos efectivo del que se quiere sacar.',
    KKT_MARKING_REFUSED: 'La registradora rechaza el código de marcado: no venda esta unidad.',
    KKT_RECEIPT_INVALID: 'La registradora no puede imprimir este recibo: llame a soporte.',
    KKT_TOTAL_MISMATCH: 'La registradora suma otro total: llame a soporte.',
    KKT_REFUSED: 'La registradora se negó: llame a soporte.',
    KKT_UNSUPPORTED: 'El programa de la registradora es antiguo: hay que actualizarlo.',
    KKT_ANSWER_FOREIGN: 'La registradora respondió otra cosa; se pregunta a su memoria.',
    KKT_FD_WENT_BACK: 'La memoria fiscal cuenta menos documentos que antes: llame a soporte antes de vender.',
    KKT_DOCUMENT_STUCK: 'Un documento quedó atascado en la registradora: cancélelo allí.',
    KKT_DOCUMENT_AMBIGUOUS:
      'Varios documentos podrían ser este recibo: compare el papel y llame al encargado.',
    KKT_DOCUMENT_UNREADABLE:
      'No se puede leer un documento de la registradora: compare el papel y llame al encargado.',
    KKT_ATTEMPTS_EXHAUSTED: 'Se intentó muchas veces sin éxito: llame al encargado.',
    KKT_QUEUE_BLOCKED: 'Antes hay que decidir sobre un recibo anterior: llame al encargado.',
    KKT_RESTARTED: 'El programa se reinició a mitad de un recibo; se pregunta a la memoria.',
    KKT_FAULTS_INVALID: 'El emulador de la registradora no entiende sus fallos.',
  },
  troubleOther: (code) => `La registradora informa de ${code}.`,
};

export const registerWords: Tables<TableOf<typeof en>> = { en, ru, es };

export function troubleWords(language: Language, code: string): string {
  const { troubles, troubleOther } = registerWords[language];
  const known: Readonly<Record<string, string>> = troubles;
  return Object.hasOwn(known, code) ? known[code]! : troubleOther(code);
}
