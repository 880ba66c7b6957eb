import { render } from 'preact';
import '../kit/kit.css';

render(<h1>Console</h1>, document.getElementById('page')!);
