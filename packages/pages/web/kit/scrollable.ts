/** Of a box that scrolls sideways: whoever has no mouse reaches it with the tabulator and moves it with the arrows. */
export const scrollable = { tabIndex: 0 } as const;
