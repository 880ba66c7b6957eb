import { render } from 'preact';
import '../kit/kit.css';
import './till.css';
import { TillPage } from './till-page.tsx';

render(<TillPage />, document.getElementById('page')!);
